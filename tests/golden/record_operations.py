#!/usr/bin/python3
"""Records what PyTorch's operations and their gradients give, for tests/layers/operation.

    /usr/bin/python3 record_operations.py

needs PyTorch 1.13. Writes one folder operations/<case>/ per case beside this file:

    x, other, weight, bias, label    what goes in (float32; labels int32, pixels uint8)
    geometry                         int64: kernel, stride, padding, dilation (two each), groups, exclude_pad
    cotangent                        d loss / d y, like y; absent where y is the loss
    y, dx, dother, dweight, dbias    what comes out, with a leading extent of 2: the value, computed in double and
                                     rounded to float32, and the error that float32 arithmetic may make there

The bound of a sum of n products is (n + 2) u times the sum of the products' absolute values, u = 2^-24: n - 1
additions, one product each, the rounding of the recorded value, and the result's (Higham, "Accuracy and Stability
of Numerical Algorithms", 2nd ed., eq. 3.7). It holds in any order of summation, with or without fma.
"""
import pathlib
import shutil

import numpy as np
import torch
import torch.nn.functional as F

OUT = pathlib.Path(__file__).resolve().parent / "operations"
UNIT = 2.0 ** -24


def save(case, name, array):
    folder = OUT / case
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / (name + ".npy"), array)


def save_inputs(case, tensors):
    for name, tensor in tensors.items():
        save(case, name, tensor.numpy())


def save_output(case, name, value, bound):
    bound = torch.as_tensor(bound, dtype=torch.float64).expand_as(value)
    # A result that is exact (a maximum, a copy) is still rounded once by being stored as float32.
    save(case, name, torch.stack([value, bound]).detach().numpy().astype(np.float32))


def save_geometry(case, kernel, stride, padding, dilation=(1, 1), groups=1, exclude_pad=False):
    save(case, "geometry", np.array([*kernel, *stride, *padding, *dilation, groups, exclude_pad], np.int64))


def uniform(*shape):
    return torch.rand(*shape) * 2 - 1


def separated(*shape):
    """Distinct values, none near zero, in random order: no maximum and no sign hangs on rounding."""
    count = int(np.prod(shape))
    return ((torch.randperm(count) - count // 2).float() + 0.5).reshape(shape) / 8


def gradients(function, tensors, cotangent):
    """y and d sum(y * cotangent) / d each tensor, in double."""
    leaves = [t.double().requires_grad_() for t in tensors]
    y = function(*leaves)
    return y, torch.autograd.grad(y, leaves, cotangent.double().expand_as(y))


def record_multilinear(case, function, tensors, terms):
    """An operation that is linear in each of its inputs. `terms`: summands of y and of each gradient."""
    cotangent = uniform(*function(*tensors.values()).shape)
    y, found = gradients(function, tensors.values(), cotangent)
    y_size, size = gradients(function, [t.abs() for t in tensors.values()], cotangent.abs())
    save_inputs(case, {**tensors, "cotangent": cotangent})
    save_output(case, "y", y, (terms["y"] + 2) * UNIT * y_size)
    for name, value, magnitude in zip(tensors, found, size):
        save_output(case, "d" + name, value, (terms[name] + 2) * UNIT * magnitude)


def record_conv2d(case, x, out_channels, kernel, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1, bias=True):
    per_group = x[1] // groups
    tensors = {"x": uniform(*x), "weight": uniform(out_channels, per_group, *kernel)}
    if bias:
        tensors["bias"] = uniform(out_channels)

    def function(x, weight, bias=None):
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)

    y = function(*tensors.values())
    positions = y.shape[0] * y.shape[2] * y.shape[3]
    taps = kernel[0] * kernel[1]
    save_geometry(case, kernel, stride, padding, dilation, groups)
    record_multilinear(case, function, tensors, {
        "y": per_group * taps + 1, "x": out_channels // groups * taps, "weight": positions, "bias": positions})


def record_linear(case, samples, inputs, outputs, bias=True):
    tensors = {"x": uniform(samples, inputs), "weight": uniform(outputs, inputs)}
    if bias:
        tensors["bias"] = uniform(outputs)
    record_multilinear(case, F.linear, tensors, {
        "y": inputs + 1, "x": outputs, "weight": samples, "bias": samples})


def record_max_pool2d(case, x, kernel, stride, padding):
    x = separated(*x)

    def function(x):
        return F.max_pool2d(x, kernel, stride, padding)

    save_geometry(case, kernel, stride, padding)
    cotangent = uniform(*function(x).shape)
    y, (dx,) = gradients(function, [x], cotangent)
    _, (size,) = gradients(function, [x], cotangent.abs())
    save_inputs(case, {"x": x, "cotangent": cotangent})
    save_output(case, "y", y, 0)
    save_output(case, "dx", dx, (kernel[0] * kernel[1] + 2) * UNIT * size)


def record_avg_pool2d(case, x, kernel, stride, padding, exclude_pad=False):
    taps = kernel[0] * kernel[1]
    save_geometry(case, kernel, stride, padding, exclude_pad=exclude_pad)
    record_multilinear(
        case, lambda x: F.avg_pool2d(x, kernel, stride, padding, count_include_pad=not exclude_pad),
        {"x": uniform(*x)}, {"y": taps + 1, "x": taps + 1})


def record_relu():
    x = separated(5, 3, 7)
    x.view(-1)[:4] = torch.tensor([0.0, -0.0, 1e-40, -1e-40])
    cotangent = uniform(*x.shape)
    y, (dx,) = gradients(F.relu, [x], cotangent)
    save_inputs("relu", {"x": x, "cotangent": cotangent})
    save_output("relu", "y", y, 0)
    save_output("relu", "dx", dx, 0)


# Softmax and its kin. exp is good to 2 units in the last place (4 u) and log likewise; rounding x - max moves exp
# by a factor of 1 + |x - max| u; a sum of n terms adds n u. So p = exp(x - max) / sum has a relative error of
# `relative(x)`, and log p an absolute one of `log_bound`.

def spread(x):
    return (x.max(1, keepdim=True).values - x).double()


def relative(x):
    # Where p is 0 in float32 the distance to the true value is below the least subnormal, added by the callers.
    near = spread(x).clamp(max=110)
    return (2 * (near.max(1, keepdim=True).values + 4) + x.shape[1] + 4) * UNIT


def log_bound(x, y):
    n = x.shape[1]
    return (2 * spread(x) + 4 * np.log(n) + n + 8 + 2 * y.abs()) * UNIT + relative(x)


def record_softmax(case, x):
    cotangent = uniform(*x.shape)
    y, (dx,) = gradients(lambda x: torch.softmax(x, 1), [x], cotangent)
    size = y * (cotangent.abs() + (y * cotangent.abs()).sum(1, keepdim=True))
    save_inputs(case, {"x": x, "cotangent": cotangent})
    save_output(case, "y", y, relative(x) * y + 2.0 ** -126)
    save_output(case, "dx", dx, (3 * relative(x) + (x.shape[1] + 6) * UNIT) * size + 2.0 ** -126)


def log_softmax_gradient_bound(x, p, cotangent):
    n = x.shape[1]
    total = cotangent.abs().sum(1, keepdim=True)
    moved = relative(x) + log_bound(x, p.log().clamp(min=-110))
    return (moved + (n + 6) * UNIT) * p * total + 2 * UNIT * (cotangent.abs() + p * total) + 2.0 ** -126


def record_log_softmax(case, x):
    cotangent = uniform(*x.shape)
    y, (dx,) = gradients(lambda x: torch.log_softmax(x, 1), [x], cotangent)
    save_inputs(case, {"x": x, "cotangent": cotangent})
    save_output(case, "y", y, log_bound(x, y))
    save_output(case, "dx", dx, log_softmax_gradient_bound(x, y.exp(), cotangent.double()))


def record_loss(case, function, x, reduction, bounds):
    """`bounds`: of each sample's loss, and of the gradient of the sum."""
    label = torch.randint(x.shape[1], (x.shape[0],))
    y, (dx,) = gradients(lambda x: function(x, label, reduction=reduction), [x], torch.tensor(1.0))
    each = function(x.double(), label, reduction="none")
    scale = 1 / x.shape[0] if reduction == "mean" else 1.0
    loss_bound, gradient_bound = bounds(x, label)
    save(case, "x", x.numpy())
    save(case, "label", label.numpy().astype(np.int32))
    save_output(case, "y", y, scale * (loss_bound + (x.shape[0] + 3) * UNIT * each.abs()).sum())
    save_output(case, "dx", dx, scale * gradient_bound + 2 * UNIT * dx.abs())


def nll_bounds(x, label):
    return torch.zeros(x.shape[0]), 0.0


def cross_entropy_bounds(x, label):
    y = torch.log_softmax(x.double(), 1)
    one_hot = F.one_hot(label, x.shape[1]).double()
    return (log_bound(x, y) * one_hot).sum(1), log_softmax_gradient_bound(x, y.exp(), one_hot)


def record_smoothed(case, x, reduction, smoothing):
    """cross_entropy with label_smoothing: the loss and its gradient are those of every class, weighted."""

    def function(x, label, reduction):
        return F.cross_entropy(x, label, reduction=reduction, label_smoothing=smoothing)

    def bounds(x, label):
        n = x.shape[1]
        y = torch.log_softmax(x.double(), 1)
        target = (1 - smoothing) * F.one_hot(label, n).double() + smoothing / n
        # A sum over the row and six more roundings: of both weights, their products, their sum, their fma.
        roundings = ((n + 6) * UNIT * target * y.abs()).sum(1)
        # The target is rounded four times: both weights, their sum, its product with the scale.
        return ((log_bound(x, y) * target).sum(1) + roundings,
                log_softmax_gradient_bound(x, y.exp(), target) + 4 * UNIT * (target + y.exp()))

    record_loss(case, function, x, reduction, bounds)


def extreme():
    x = uniform(6, 10) * 1e4
    x[0] = torch.tensor([1e4, -1e4] * 5)
    x[1] = -1e4
    x[2] = 1e4
    x[3, 4] = 1e4
    return x


def record_exact():
    """Operations that copy, or round once."""
    record_multilinear("add", torch.add, {"x": uniform(3, 2, 5), "other": uniform(3, 2, 5)},
                       {"y": 2, "x": 1, "other": 1})
    record_multilinear("flatten", lambda x: torch.flatten(x, 1), {"x": uniform(2, 3, 4, 5)}, {"y": 1, "x": 1})
    pixels = torch.arange(256, dtype=torch.uint8).reshape(4, 1, 8, 8)
    y = (pixels.double() / 255 - 0.1307) / 0.3081
    save("normalize", "x", pixels.numpy())
    # Three operations and two rounded constants, each relative to the larger operand of the subtraction.
    save_output("normalize", "y", y, 6 * UNIT * (pixels.double() / 255 + 0.1307) / 0.3081)


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    torch.manual_seed(11)
    record_conv2d("conv2d_same", (3, 2, 7, 7), 4, (3, 3), padding=(1, 1))
    record_conv2d("conv2d_tower", (2, 1, 12, 12), 16, (3, 3), padding=(1, 1))
    record_conv2d("conv2d_rectangular", (2, 3, 9, 6), 5, (3, 2), stride=(2, 1), padding=(1, 0))
    record_conv2d("conv2d_stride", (2, 3, 10, 11), 5, (3, 3), stride=(2, 3), padding=(1, 2))
    record_conv2d("conv2d_dilation", (2, 2, 11, 9), 3, (3, 2), padding=(2, 1), dilation=(2, 3))
    record_conv2d("conv2d_groups", (3, 4, 5, 6), 6, (3, 3), padding=(1, 1), groups=2)
    record_conv2d("conv2d_depthwise", (2, 3, 6, 6), 3, (3, 3), padding=(1, 1), groups=3, bias=False)
    record_conv2d("conv2d_pointwise", (2, 5, 4, 3), 7, (1, 1))
    record_conv2d("conv2d_no_bias", (2, 3, 6, 5), 4, (2, 3), bias=False)
    record_conv2d("conv2d_many_samples", (19, 2, 4, 4), 3, (3, 3), padding=(1, 1))
    record_conv2d("conv2d_whole_image", (3, 2, 4, 5), 3, (4, 5))
    record_linear("linear", 5, 13, 7)
    record_linear("linear_no_bias", 3, 8, 2, bias=False)
    record_linear("linear_many_samples", 33, 37, 10)
    record_linear("linear_one", 1, 1, 1)
    record_max_pool2d("max_pool2d", (3, 4, 6, 8), (2, 2), (2, 2), (0, 0))
    record_max_pool2d("max_pool2d_odd", (2, 3, 7, 5), (2, 2), (2, 2), (0, 0))
    record_max_pool2d("max_pool2d_overlapping", (2, 3, 9, 8), (3, 3), (2, 2), (1, 1))
    record_max_pool2d("max_pool2d_rectangular", (2, 2, 6, 9), (2, 3), (1, 2), (1, 1))
    record_avg_pool2d("avg_pool2d", (3, 4, 6, 8), (2, 2), (2, 2), (0, 0))
    record_avg_pool2d("avg_pool2d_padding", (2, 3, 7, 8), (3, 3), (2, 2), (1, 1))
    record_avg_pool2d("avg_pool2d_exclude_pad", (2, 3, 7, 8), (3, 3), (2, 2), (1, 1), exclude_pad=True)
    record_avg_pool2d("avg_pool2d_rectangular", (2, 2, 6, 9), (2, 3), (1, 2), (1, 1), exclude_pad=True)
    record_relu()
    record_softmax("softmax", uniform(6, 11) * 4)
    record_softmax("softmax_one_class", uniform(3, 1))
    record_softmax("softmax_extreme", extreme())
    record_log_softmax("log_softmax", uniform(6, 11) * 4)
    record_log_softmax("log_softmax_one_class", uniform(3, 1))
    record_log_softmax("log_softmax_extreme", extreme())
    log_probability = torch.log_softmax(uniform(7, 5) * 3, 1)
    for reduction in ("mean", "sum"):
        record_loss("nll_loss_" + reduction, F.nll_loss, log_probability, reduction, nll_bounds)
        record_loss("cross_entropy_" + reduction, F.cross_entropy, uniform(7, 10) * 3, reduction, cross_entropy_bounds)
        record_loss("cross_entropy_extreme_" + reduction, F.cross_entropy, extreme(), reduction, cross_entropy_bounds)
    record_exact()
    for reduction in ("mean", "sum"):
        record_smoothed("cross_entropy_smoothed_" + reduction, uniform(7, 10) * 3, reduction, 0.1)
        record_smoothed("cross_entropy_smoothed_extreme_" + reduction, extreme(), reduction, 0.05)
    record_smoothed("cross_entropy_smoothed_whole", uniform(19, 3) * 3, "mean", 1.0)


main()
