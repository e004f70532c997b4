"""Run the same iterations of L-BFGS in cnncore and in PyTorch, and compare the losses and the time.

    python bench/lbfgs.py [--images 2000] [--iterations 10] [--threads 2] [--rounds 3]

The network is the README's, with 225,034 weights. All images form one batch: the first training images of MNIST from
CNNCORE_DATA_DIR, or the digits of the package if that is not set. Both libraries begin with the same weights and use
their line searches for the strong Wolfe conditions. Each measurement is a process of its own, and begins with a step
that is not measured. The libraries take turns.

Rounding errors differ and grow from iteration to iteration, so runs in float32 do not show which losses are right. A
run of PyTorch in float64 does. This program fails if cnncore's largest relative distance from that run is larger than
1e-4 and larger than that of PyTorch in float32.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from functools import partial
from typing import Any

import numpy as np

PEERS = ("cnncore", "torch", "torch64")
TOLERANCE = 1e-4


def load(images: int) -> tuple[np.ndarray, np.ndarray]:
    """Images in [0, 1], (images, 28, 28, 1), and labels."""
    from cnncore.datasets import mnist, mnist5k

    source = mnist if "CNNCORE_DATA_DIR" in os.environ else mnist5k
    (x, y), _ = source.load_data()
    if len(x) < images:
        raise SystemExit(f"bench/lbfgs.py: expected at most {len(x)} images without CNNCORE_DATA_DIR")
    return x[:images].reshape(-1, 28, 28, 1).astype(np.float32) / 255, y[:images].astype(np.int64)


def make_model() -> Any:
    """The network with its first weights."""
    from cnncore import Sequential
    from cnncore.layers import Conv2D, Dense, Flatten, MaxPooling2D

    return Sequential(
        [
            Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1)),
            MaxPooling2D(),
            Conv2D(64, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(128, activation="relu"),
            Dense(10, activation="softmax"),
        ],
        seed=0,
    )


def run_cnncore(x: np.ndarray, y: np.ndarray, iterations: int, threads: int) -> tuple[list[float], float]:
    """The loss before each iteration, and seconds."""
    import cnncore

    cnncore.set_num_threads(threads)
    warm, model = make_model(), make_model()
    for each, steps in ((warm, 1), (model, iterations)):
        each.compile("lbfgs", "sparse_categorical_crossentropy")
        start = time.perf_counter()
        losses = each.fit(x, y, batch_size=len(x), epochs=steps, shuffle=False, verbose=0).history["loss"]
        seconds = time.perf_counter() - start
    return losses, seconds


def run_torch(
    x: np.ndarray, y: np.ndarray, iterations: int, threads: int, precision: str = "float32"
) -> tuple[list[float], float]:
    """The same as :func:`run_cnncore` in PyTorch."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    dtype = getattr(torch, precision)
    images = torch.tensor(x, dtype=dtype).permute(0, 3, 1, 2).contiguous()  # its L-BFGS refuses channels_last
    labels = torch.tensor(y)
    weights = make_model().get_weights()
    for steps in (1, iterations):
        convolutions, dense = (nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)), (nn.Linear(1600, 128), nn.Linear(128, 10))
        with torch.no_grad():  # the first weights are the same float32 values in both precisions
            for layer, kernel, bias in zip((*convolutions, *dense), weights[::2], weights[1::2], strict=True):
                turned = kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T
                if kernel.shape[0] == 1600:  # PyTorch flattens channels first
                    turned = kernel.reshape(5, 5, 64, 128).transpose(3, 2, 0, 1).reshape(128, 1600)
                layer.weight.copy_(torch.tensor(np.ascontiguousarray(turned)))
                layer.bias.copy_(torch.tensor(bias))
        first, second = convolutions
        model = nn.Sequential(
            *(first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), dense[0], nn.ReLU(), dense[1]),
        ).to(dtype)
        optimizer = torch.optim.LBFGS(  # a line search may take as many evaluations as ours
            model.parameters(), max_iter=1, max_eval=26, history_size=10, line_search_fn="strong_wolfe"
        )

        def closure(model: Any = model, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            return loss

        start = time.perf_counter()
        losses = [float(optimizer.step(closure).detach()) for _ in range(steps)]
        seconds = time.perf_counter() - start
    return losses, seconds


def measure(peer: str, args: argparse.Namespace) -> dict[str, Any]:
    """One run in a process of its own."""
    command = [sys.executable, __file__, "--peer", peer]
    for name in ("images", "iterations", "threads"):
        command += [f"--{name}", str(getattr(args, name))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{peer} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000, help="number of images (%(default)s)")
    parser.add_argument("--iterations", type=int, default=10, help="iterations of L-BFGS (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each library (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each library (%(default)s)")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        run = {"cnncore": run_cnncore, "torch": run_torch, "torch64": partial(run_torch, precision="float64")}[
            args.peer
        ]
        losses, seconds = run(*load(args.images), args.iterations, args.threads)
        print(json.dumps({"losses": losses, "seconds": seconds}))
        return
    runs: dict[str, list[dict[str, Any]]] = {peer: [] for peer in PEERS}
    for number in range(args.rounds):
        for peer in PEERS[: 2 if number else 3]:  # float64 runs once, since only its losses are needed
            runs[peer].append(measure(peer, args))
    ours, theirs, exact = (np.array(runs[peer][0]["losses"]) for peer in PEERS)
    print("              losses                           distance from float64")
    print("iteration   cnncore    PyTorch    float64      cnncore    PyTorch")
    for i, (a, b, c) in enumerate(zip(ours, theirs, exact, strict=True)):
        print(f"{i:9} {a:10.6f} {b:10.6f} {c:10.6f} {abs(a - c) / c:12.1e} {abs(b - c) / c:10.1e}")
    seconds = {peer: statistics.median(run["seconds"] for run in runs[peer]) for peer in PEERS[:2]}
    print(f"{args.images:,} images, {args.threads} threads: " + ", ".join(f"{p} {s:.2f} s" for p, s in seconds.items()))
    print(f"cnncore is {seconds['torch'] / seconds['cnncore']:.1f} times as fast")
    own, other = (np.max(np.abs(losses - exact) / exact) for losses in (ours, theirs))
    if own > max(other, TOLERANCE):
        raise SystemExit(
            f"bench/lbfgs.py: expected losses within {max(other, TOLERANCE):.1e} of float64. Received: {own:.1e}"
        )


if __name__ == "__main__":
    main()
