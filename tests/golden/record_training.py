#!/usr/bin/python3
"""Records how PyTorch trains the tower on MNIST: initial weights, order of samples, losses, accuracy.

    TOWER_DATA=<folder with MNIST> /usr/bin/python3 record_training.py

needs PyTorch 1.13. Writes training/*.npy beside this file:

    seed<S>_weights_sha256   SHA-256 of the initial weights as tw_module_sha256 takes it (32 bytes)
    seed<S>_weights_sample   every 97th of the initial weights, all parameters one after the other
    seed<S>_order            first samples of the first epoch's order (torch.randperm right after building)
    seed<S>_losses           loss of each of the first steps
    seed<S>_losses_native    the same without oneDNN: the same numbers summed in another order
    seed<S>_losses_double    the same in float64: how far float32 runs are from it is what rounding does
    seed1_epoch              (test accuracy, mean test loss) after the first whole epoch
    seed1_epoch_means        mean loss of each 100 steps of that epoch

Adam with learning rate 1e-3, batches of 64, mean cross-entropy, one thread.
"""
import copy
import gzip
import hashlib
import os
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

OUT = pathlib.Path(__file__).resolve().parent / "training"
BATCH = 64
STEPS = 50


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = nn.Linear(3136, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        return self.fc2(x)


def read_idx(name):
    data = gzip.open(os.path.join(os.environ["TOWER_DATA"], name + ".gz")).read()
    extents = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(data[3])]
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=4 + 4 * len(extents)).reshape(extents).copy())


def normalised(images):
    return ((images.float() / 255 - 0.1307) / 0.3081).unsqueeze(1)


def shape_text(shape):
    return "(" + ", ".join(str(n) for n in shape) + (",)" if len(shape) == 1 else ")")


def save(name, array):
    np.save(OUT / (name + ".npy"), array)


def save_weights(seed, model):
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        digest.update(name.encode() + b"\0float32" + shape_text(parameter.shape).encode())
        digest.update(parameter.detach().numpy().tobytes())
    flat = torch.cat([p.detach().reshape(-1) for p in model.parameters()])
    save(f"seed{seed}_weights_sha256", np.frombuffer(digest.digest(), np.uint8))
    save(f"seed{seed}_weights_sample", flat[::97].numpy())


def train(seed, images, labels, steps, dtype=torch.float32):
    """The initial and the trained model, the order of samples, and each step's loss."""
    torch.manual_seed(seed)
    model = Tower()
    initial = copy.deepcopy(model)
    order = torch.randperm(len(images))
    model.to(dtype)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for batch in order.split(BATCH)[:steps]:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(normalised(images[batch]).to(dtype)), labels[batch].long())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return initial, model, order, losses


def record_first_steps(seed, images, labels):
    initial, _, order, losses = train(seed, images, labels, STEPS)
    save_weights(seed, initial)
    save(f"seed{seed}_order", order[:STEPS * BATCH].numpy().astype(np.int32))
    save(f"seed{seed}_losses", np.array(losses, np.float32))
    with torch.backends.mkldnn.flags(enabled=False):
        save(f"seed{seed}_losses_native", np.array(train(seed, images, labels, STEPS)[3], np.float32))
    save(f"seed{seed}_losses_double", np.array(train(seed, images, labels, STEPS, torch.float64)[3]))


def evaluate(model):
    images, labels = read_idx("t10k-images-idx3-ubyte"), read_idx("t10k-labels-idx1-ubyte").long()
    correct, loss = 0, 0.0
    with torch.no_grad():
        for x, y in zip(images.split(500), labels.split(500)):
            logits = model(normalised(x))
            loss += F.cross_entropy(logits, y, reduction="sum").item()
            correct += (logits.argmax(1) == y).sum().item()
    return correct / len(labels), loss / len(labels)


def main():
    torch.set_num_threads(1)
    OUT.mkdir(exist_ok=True)
    images, labels = read_idx("train-images-idx3-ubyte"), read_idx("train-labels-idx1-ubyte")
    for seed in (1, 2, 3):
        record_first_steps(seed, images, labels)
    _, model, _, losses = train(1, images, labels, len(images))
    save("seed1_epoch", np.array(evaluate(model), np.float64))
    save("seed1_epoch_means", np.array([np.mean(losses[i:i + 100]) for i in range(0, len(losses), 100)], np.float32))


main()
