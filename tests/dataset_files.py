"""Files of data sets that tests write, and where those of real data sets are."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from cnncore.datasets import (
    cifar10,
    cifar100,
    emnist,
    fashion_mnist,
    kmnist,
    mnist,
)
from idx_files import idx_bytes


def needs_full_data(folder: str) -> Path:
    directory = os.environ.get("CNNCORE_DATA_DIR")
    if not directory or not Path(directory, folder).is_dir():
        pytest.skip(f"needs the full data set in CNNCORE_DATA_DIR/{folder}")
    return Path(directory)


def write_mnist(directory: Path, train: int = 20, test: int = 10, suffix: str = ".gz") -> None:
    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for prefix, count in (("train", train), ("t10k", test)):
        arrays = {
            "images-idx3-ubyte": rng.integers(0, 256, (count, 28, 28), dtype=np.uint8),
            "labels-idx1-ubyte": (np.arange(count) % 10).astype(np.uint8),
        }
        for kind, array in arrays.items():
            data = idx_bytes(array)
            path = directory / f"{prefix}-{kind}{suffix}"
            path.write_bytes(gzip.compress(data) if suffix == ".gz" else data)


FULL_SETS = (mnist, fashion_mnist, kmnist, emnist, cifar10, cifar100)
