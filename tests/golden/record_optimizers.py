#!/usr/bin/python3
"""Records what PyTorch's optimizers, schedules and gradient clipping do, for tests/layers/optim.

    /usr/bin/python3 record_optimizers.py

needs PyTorch 1.13. Writes optimizers/*.npy beside this file. Two parameters, (5, 7) and (3,), lie one after the
other in rows of 38 numbers:

    start               their values before the first step
    gradients           (10, 38) what every step gets
    <optimizer>         (10, 38) their values after every step
    <schedule>          float64 learning rate of steps 0, 1, ...
    clip_<max_norm>     the first gradients after clipping, behind them the norm
"""
import pathlib

import numpy as np
import torch

OUT = pathlib.Path(__file__).resolve().parent / "optimizers"
STEPS = 10

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "sgd_weight_decay": lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.2),
    "sgd_momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "sgd_dampening": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, dampening=0.3, weight_decay=0.1),
    "sgd_nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p),
    "adam_options": lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.8, 0.95), eps=0.01, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p),
    "adamw_options": lambda p: torch.optim.AdamW(p, lr=0.05, betas=(0.8, 0.95), eps=0.01, weight_decay=0.3),
}

SCHEDULES = {
    "schedule_step": (0.5, lambda o: torch.optim.lr_scheduler.StepLR(o, 7, gamma=0.3), 40),
    "schedule_cosine": (0.5, lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 37, eta_min=0.01), 38),
    "schedule_one_cycle": (0.5, lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.5, total_steps=41), 41),
    "schedule_one_cycle_early": (
        0.5, lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.5, total_steps=30, pct_start=0.05), 30),
}


def save(name, array):
    np.save(OUT / (name + ".npy"), array)


def parameters(start):
    return [torch.nn.Parameter(start[:35].reshape(5, 7).clone()), torch.nn.Parameter(start[35:].clone())]


def flat(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors])


def trajectory(make, start, gradients, second_from=0):
    """The second parameter has no gradient before step `second_from`."""
    pair = parameters(start)
    optimizer = make(pair)
    rows = []
    for step, gradient in enumerate(gradients):
        pair[0].grad = gradient[:35].reshape(5, 7).clone()
        pair[1].grad = gradient[35:].clone() if step >= second_from else None
        optimizer.step()
        rows.append(flat(pair).numpy())
    return np.stack(rows)


def rates(base, make, count):
    optimizer = torch.optim.SGD(parameters(torch.zeros(38)), lr=base)
    schedule = make(optimizer)
    found = []
    for _ in range(count):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(found) < count:
            schedule.step()
    return np.array(found, np.float64)


def main():
    OUT.mkdir(exist_ok=True)
    torch.manual_seed(7)
    start, gradients = torch.randn(38), torch.randn(STEPS, 38)
    save("start", start.numpy())
    save("gradients", gradients.numpy())
    for name, make in OPTIMIZERS.items():
        save(name, trajectory(make, start, gradients))
    save("sgd_momentum_late", trajectory(OPTIMIZERS["sgd_momentum"], start, gradients, second_from=3))
    save("adam_late", trajectory(OPTIMIZERS["adam"], start, gradients, second_from=3))
    for name, (base, make, count) in SCHEDULES.items():
        save(name, rates(base, make, count))
    for max_norm in (1, 100):
        pair = parameters(start)
        pair[0].grad, pair[1].grad = gradients[0, :35].reshape(5, 7).clone(), gradients[0, 35:].clone()
        norm = torch.nn.utils.clip_grad_norm_(pair, max_norm)
        save(f"clip_{max_norm}", torch.cat([flat([p.grad for p in pair]), norm.reshape(1)]).numpy())


main()
