#!/usr/bin/python3
"""Trains the Tower with PyTorch and prints the speed of the last epoch as JSON.

The same work as tower-train: uint8 images gathered batch by batch in a shuffled order, normalised, forward,
mean cross-entropy, backward, Adam. Only the training steps of the last epoch are timed, gathering included.
"""
import argparse
import glob
import gzip
import json
import os
import time

import numpy
import torch
from torch import nn
from torch.nn import functional


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = nn.Linear(3136, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        return self.fc2(functional.relu(self.fc1(x)))


def read_idx(folder, name, header):
    path = sorted(glob.glob(os.path.join(folder, name + "*")))[0]
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rb") as file:
        return numpy.frombuffer(file.read(), dtype=numpy.uint8, offset=header)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with MNIST's files")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--limit", type=int, default=60000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    images = torch.from_numpy(read_idx(options.data, "train-images", 16).reshape(-1, 1, 28, 28).copy())
    labels = torch.from_numpy(read_idx(options.data, "train-labels", 8).astype(numpy.int64))
    model = Tower()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    for _ in range(options.epochs):
        loss_sum = 0.0
        started = time.perf_counter()
        for index in torch.randperm(options.limit).split(options.batch_size):
            x = ((images[index].float() / 255) - 0.1307) / 0.3081
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x), labels[index])
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(index)
        seconds = time.perf_counter() - started
    print(json.dumps({"images_per_second": options.limit / seconds, "train_loss": loss_sum / options.limit,
                      "version": torch.__version__}))


if __name__ == "__main__":
    main()
