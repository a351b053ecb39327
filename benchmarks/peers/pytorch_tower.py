#!/usr/bin/python3
"""Trains the Tower with PyTorch and prints the speed of the last epoch as JSON.

With --accuracy it also evaluates the test set after every epoch and prints a line of JSON for each: the way of
tower-train's default recipe (Adam, learning rate 1e-3) to a given accuracy.

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


def read_set(folder, name):
    images = read_idx(folder, name + "-images", 16).reshape(-1, 1, 28, 28)
    return torch.from_numpy(images.copy()), torch.from_numpy(read_idx(folder, name + "-labels", 8).astype(numpy.int64))


def normalized(images):
    return ((images.float() / 255) - 0.1307) / 0.3081


def accuracy(model, images, labels):
    with torch.no_grad():
        correct = sum((model(normalized(x)).argmax(1) == y).sum().item()
                      for x, y in zip(images.split(1000), labels.split(1000)))
    return correct / len(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with MNIST's files")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--limit", type=int, default=60000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--accuracy", action="store_true", help="test accuracy after every epoch")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    images, labels = read_set(options.data, "train")
    test = read_set(options.data, "t10k") if options.accuracy else None
    model = Tower()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    for epoch in range(1, options.epochs + 1):
        loss_sum = 0.0
        started = time.perf_counter()
        for index in torch.randperm(options.limit).split(options.batch_size):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(normalized(images[index])), labels[index])
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(index)
        seconds = time.perf_counter() - started
        if options.accuracy:
            print(json.dumps({"epoch": epoch, "train_seconds": seconds, "test_accuracy": accuracy(model, *test)}),
                  flush=True)
    print(json.dumps({"images_per_second": options.limit / seconds, "train_loss": loss_sum / options.limit,
                      "version": torch.__version__}))


if __name__ == "__main__":
    main()
