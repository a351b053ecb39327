#!/usr/bin/python3
"""Records how PyTorch initialises and prints modules, for tests/layers/module, nn and models.

    /usr/bin/python3 record_init.py

needs PyTorch 1.13. Writes beside this file, in modules/:

    weights.txt      "<model> <seed> <parameter> <SHA-256 of its float32 bytes> <bits of its first four values>", a line
                     per parameter, for models built right after torch.manual_seed(seed)
    uniform.txt      "<scheme> <seed> <a or gain> <mode> <nonlinearity> <shape, with x> <SHA-256>", a line per call
    normal.txt       the same without the SHA-256; the values of line i are in
    normal_<i>.npy   (float32)
    prints.txt       what print() shows of the models, an empty line between them
"""
import hashlib
import math
import pathlib

import numpy as np
import torch
from torch import nn

OUT = pathlib.Path(__file__).resolve().parent / "modules"
SEEDS = [1, 2, 3, 42, 2**32 + 5, 0]


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = nn.Linear(64 * 7 * 7, 128)
        self.fc2 = nn.Linear(128, 10)


class Odd(nn.Module):
    """Shapes that the tower does not have."""

    def __init__(self):
        super().__init__()
        self.grouped = nn.Conv2d(6, 4, (3, 5), stride=(1, 2), dilation=(2, 1), groups=2, bias=False)
        self.one = nn.Linear(1, 1)
        self.thin = nn.Linear(7, 3, bias=False)
        self.flat = nn.Conv2d(3, 2, (1, 4), padding=(0, 2))


def every_module():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.AvgPool2d((2, 3), stride=1, padding=(1, 0)),
        nn.Sequential(nn.Dropout(0.25), nn.Flatten()),
        nn.ModuleList([nn.Softmax(dim=-1), nn.LogSoftmax(dim=-1)]),
        nn.ModuleList(),
        nn.CrossEntropyLoss(),
        nn.NLLLoss(),
    )
    model.register_module("none", None)
    return model


def digest(tensor):
    return hashlib.sha256(tensor.detach().numpy().astype("<f4").tobytes()).hexdigest()


def first_bits(tensor):
    values = tensor.detach().numpy().ravel()[:4].astype("<f4")
    return " ".join(f"{bits:08x}" for bits in np.pad(values, (0, 4 - len(values))).view("<u4"))


def record_weights():
    lines = []
    for name, model in (("tower", Tower), ("odd", Odd)):
        for seed in SEEDS:
            torch.manual_seed(seed)
            for path, parameter in model().named_parameters():
                lines.append(f"{name} {seed} {path} {digest(parameter)} {first_bits(parameter)}")
    (OUT / "weights.txt").write_text("\n".join(lines) + "\n")


def kaiming(distribution, tensor, a, mode, nonlinearity):
    fill = nn.init.kaiming_uniform_ if distribution == "uniform" else nn.init.kaiming_normal_
    fill(tensor, a=a, mode=mode, nonlinearity=nonlinearity)


def xavier(distribution, tensor, gain):
    fill = nn.init.xavier_uniform_ if distribution == "uniform" else nn.init.xavier_normal_
    fill(tensor, gain=gain)


def calls(shapes):
    """Each call of the family on each shape, with a seed of its own."""
    seed = 100
    for shape in shapes:
        for a, mode, nonlinearity in ((0.0, "fan_in", "relu"), (math.sqrt(5), "fan_in", "leaky_relu"),
                                      (0.3, "fan_out", "leaky_relu"), (0.0, "fan_out", "tanh"),
                                      (0.0, "fan_in", "selu"), (0.0, "fan_in", "linear")):
            seed += 1
            yield "kaiming", seed, a, mode, nonlinearity, shape
        for gain in (1.0, 5.0 / 3.0):
            seed += 1
            yield "xavier", seed, gain, "-", "-", shape


def record_calls(distribution, shapes):
    lines = []
    for family, seed, number, mode, nonlinearity, shape in calls(shapes):
        tensor = torch.empty(shape)
        torch.manual_seed(seed)
        if family == "kaiming":
            kaiming(distribution, tensor, number, mode, nonlinearity)
        else:
            xavier(distribution, tensor, number)
        line = f"{family} {seed} {float(number).hex()} {mode} {nonlinearity} {'x'.join(map(str, shape))}"
        if distribution == "uniform":
            line += " " + digest(tensor)
        else:
            np.save(OUT / f"normal_{len(lines)}.npy", tensor.numpy())
        lines.append(line)
    (OUT / f"{distribution}.txt").write_text("\n".join(lines) + "\n")


def main():
    OUT.mkdir(exist_ok=True)
    record_weights()
    record_calls("uniform", [(5, 3), (1, 1), (128, 3136), (64, 32, 3, 3), (4, 3, 2, 5, 7), (33, 17)])
    record_calls("normal", [(5, 3), (10, 7)])
    (OUT / "prints.txt").write_text("\n\n".join(map(str, (Tower(), Odd(), every_module()))) + "\n")


if __name__ == "__main__":
    main()
