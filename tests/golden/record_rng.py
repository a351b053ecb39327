#!/usr/bin/env python3
"""Records what PyTorch's CPU generator draws, for tests/core/test_rng.c.

    python3 tests/golden/record_rng.py          writes tests/golden/rng/*.npy

Recorded with PyTorch 1.13.1 (Debian 12, python3-torch). Each file starts from its own manual_seed, so that a
difference points at one distribution.
"""
import pathlib

import numpy
import torch

FOLDER = pathlib.Path(__file__).resolve().parent / "rng"


def save(name, array):
    numpy.save(FOLDER / f"{name}.npy", numpy.ascontiguousarray(array))


def words(seed, count):
    """`count` draws of 32 bits: a range of 2**32 - 1 keeps all but the largest value as they are."""
    torch.manual_seed(seed)
    return torch.empty(count, dtype=torch.int64).random_(0, 2**32 - 1).numpy()


def main():
    FOLDER.mkdir(exist_ok=True)

    # More than 624 draws, so that the engine's state is renewed; and a seed above 32 bits.
    save("words_seed_42", words(42, 1400))
    save("words_seed_2p32_plus_7", words(2**32 + 7, 16))

    # 64-bit draws, of which random_() keeps the low 63 bits.
    torch.manual_seed(1)
    save("long_words", torch.empty(32, dtype=torch.int64).random_().numpy())

    torch.manual_seed(42)
    save("uniform_0_1", torch.empty(1000).uniform_().numpy())
    torch.manual_seed(43)
    save("uniform_fan_in_25", torch.empty(1000).uniform_(-0.2, 0.2).numpy())
    torch.manual_seed(44)
    save("uniform_fan_in_3136", torch.empty(1000).uniform_(-(3136**-0.5), 3136**-0.5).numpy())
    torch.manual_seed(45)
    save("uniform_3_1000", torch.empty(1000).uniform_(3.0, 1000.0).numpy())
    torch.manual_seed(46)
    save("uniform_double", torch.empty(200, dtype=torch.float64).uniform_().numpy())

    # One by one below 16 (the second call starts with the waiting value of the first), 16 at a time from there on.
    torch.manual_seed(50)
    save("normal_7_then_8", torch.cat([torch.empty(7).normal_(), torch.empty(8).normal_(2.0, 0.5)]).numpy())
    for count in (16, 17, 100):
        torch.manual_seed(50 + count)
        save(f"normal_{count}", torch.empty(count).normal_().numpy())
    torch.manual_seed(60)
    save("normal_double", torch.empty(15, dtype=torch.float64).normal_(1.0, 3.0).numpy())

    for count in (0, 1, 2, 1000):
        torch.manual_seed(70)
        save(f"permutation_{count}", torch.randperm(count).numpy())

    # The whole training set: both ends, the sum of (i + 1) * order[i], and the draw that follows.
    torch.manual_seed(71)
    order = torch.randperm(60000).numpy()
    after = torch.empty(1, dtype=torch.int64).random_(0, 2**32 - 1).numpy()
    checksum = int(numpy.dot(numpy.arange(1, 60001, dtype=numpy.int64), order))
    save("permutation_60000", numpy.concatenate([order[:100], order[-100:], [checksum], after]).astype(numpy.int64))


if __name__ == "__main__":
    main()
