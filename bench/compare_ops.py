"""conv2d forward, dX and dW: cnncore against PyTorch's operators (oneDNN), shape by shape.

    python bench/compare_ops.py                                  # 1 and 2 threads, this machine's best ISA
    python bench/compare_ops.py --isa avx2 --threads 2           # both limited to AVX2
    python bench/compare_ops.py --python torch=~/other/bin/python --json out.json

Each library is one process, bound to as many cores as it has threads, which waits on a pipe while the other works.
Rounds are interleaved: for every shape and direction the libraries take turns. Of PyTorch's two memory formats the
faster one counts, chosen per shape and direction. The table shows medians over rounds, the range of the ratio within
rounds, and geometric means. In the first round the results of both libraries are compared with each other.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from compare import ISA_VARIABLES, WORKERS, machine
from peers.ops_common import Conv2dShape

DIRECTIONS = ["forward", "dx", "dw"]
PAUSE = 0.02  # seconds between turns, in which the other library's threads stop spinning


def read_shapes(pattern: str) -> list[Conv2dShape]:
    """Rows of conv2d_shapes.csv whose name contains the pattern."""
    with (Path(__file__).parent / "conv2d_shapes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    shapes = [Conv2dShape(name=row.pop("name"), **{key: int(value) for key, value in row.items()}) for row in rows]
    return [shape for shape in shapes if pattern in shape.name]


class Worker:
    """A library's process: requests in, answers out."""

    def __init__(self, library: str, python: str, threads: int, isa: str) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)} | ISA_VARIABLES[isa]
        cores = sorted(os.sched_getaffinity(0))[:threads]
        self.process = subprocess.Popen(
            [python, str(WORKERS / f"{library}_ops.py"), str(threads)],
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version = self._read()["version"]

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(map(str, self.process.args))}: ended with {self.process.wait()}")
        return dict(json.loads(line))

    def ask(self, request: dict[str, Any]) -> dict[str, float]:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return dict(self._read()["seconds"])

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def check_results(folder: Path, what: str, terms: int) -> None:
    """Compare all saved results with cnncore's.

    Sums of zero-mean terms, added in different orders, differ by about sqrt(terms) roundings of their own size.
    """
    own = np.load(folder / "cnncore-nhwc.npy").astype(np.float64)
    tolerance = 8 * 2.0**-24 * np.sqrt(terms) * np.sqrt(np.mean(own**2))
    for path in folder.glob("torch-*.npy"):
        error = float(np.abs(np.load(path) - own).max())
        if not error <= tolerance:
            raise SystemExit(
                f"{what}: {path.stem} differs from cnncore by {error:.3g}; expected at most {tolerance:.3g}"
            )


def terms_of(shape: Conv2dShape, direction: str, batch: int) -> int:
    """Length of the longest sum behind one element of the result."""
    if direction == "dw":
        return batch * shape.out_size**2
    return shape.kernel**2 * (shape.in_channels if direction == "forward" else shape.filters) // shape.groups


def run(workers: dict[str, Worker], args: argparse.Namespace, threads: int) -> list[dict[str, Any]]:
    """Measure every shape and direction, the libraries taking turns."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for shape in read_shapes(args.shape):
            for direction in args.direction:
                seconds: dict[str, list[dict[str, float]]] = {library: [] for library in workers}
                for number in range(args.rounds):
                    for library, worker in workers.items():
                        time.sleep(PAUSE)
                        request = {"shape": shape._asdict(), "direction": direction, "batch": args.batch}
                        request |= {"seconds": args.seconds, "save": f"{folder}/{library}" if number == 0 else None}
                        seconds[library].append(worker.ask(request))
                what = f"{shape.name} {direction}"
                check_results(Path(folder), what, terms_of(shape, direction, args.batch))
                rows.append(summarize(shape, direction, seconds, args.batch) | {"threads": threads})
                print_row(rows[-1])
    return rows


def summarize(
    shape: Conv2dShape, direction: str, seconds: dict[str, list[dict[str, float]]], batch: int
) -> dict[str, Any]:
    """One line of the table."""
    own = [answer["nhwc"] for answer in seconds["cnncore"]]
    layouts = seconds["torch"][0]
    best = min(layouts, key=lambda layout: statistics.median(answer[layout] for answer in seconds["torch"]))
    other = [answer[best] for answer in seconds["torch"]]
    ratios = [b / a for a, b in zip(own, other, strict=True)]
    gflop = shape.flops(batch) / 1e9
    row = {"shape": shape.name, "direction": direction, "torch_layout": best, "gflop": gflop}
    row |= {"cnncore_seconds": statistics.median(own), "torch_seconds": statistics.median(other)}
    row |= {"ratio": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios), "seconds": seconds}
    return row


def print_row(row: dict[str, Any]) -> None:
    """Print times in microseconds, rates in GFLOP/s."""
    own, other = row["cnncore_seconds"], row["torch_seconds"]
    print(
        f"  {row['shape']:<27}{row['direction']:<8}{own * 1e6:>9,.0f}{row['gflop'] / own:>8,.0f}"
        f"{other * 1e6:>10,.0f}{row['gflop'] / other:>8,.0f}  {row['torch_layout']:<14}{row['ratio']:>5.2f}x"
        f"  {row['lowest']:.2f}-{row['highest']:.2f}",
        flush=True,
    )


def print_means(rows: list[dict[str, Any]]) -> None:
    """Print the geometric mean and the lowest ratio per direction."""
    for direction in DIRECTIONS:
        own = [row for row in rows if row["direction"] == direction]
        if own:
            lowest = min(own, key=lambda row: row["ratio"])
            mean = statistics.geometric_mean(row["ratio"] for row in own)
            print(f"  {direction}: geometric mean {mean:.2f}x, lowest {lowest['ratio']:.2f}x ({lowest['shape']})")


def parse_arguments() -> argparse.Namespace:
    """Read the command line; ``python`` becomes a dict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.05, help="least time of one turn (default: 0.05)")
    parser.add_argument("--direction", nargs="+", choices=DIRECTIONS, default=DIRECTIONS)
    parser.add_argument("--shape", default="", help="only shapes whose name contains this")
    parser.add_argument("--isa", choices=ISA_VARIABLES, default="best", help="what both are limited to (default: best)")
    parser.add_argument(
        "--python", nargs="+", default=[], metavar="LIBRARY=PATH", help="interpreter of cnncore or torch"
    )
    parser.add_argument("--json", type=Path, help="write rows, all times and the machine")
    args = parser.parse_args()
    pairs = [entry.partition("=") for entry in args.python]
    args.python = {name: os.path.expanduser(path) for name, _, path in pairs}
    return args


def main() -> None:
    """Measure, print, write."""
    args = parse_arguments()
    host = machine() | {"isa": args.isa, "batch": args.batch}
    rows: list[dict[str, Any]] = []
    for threads in args.threads:
        workers = {
            library: Worker(library, args.python.get(library, sys.executable), threads, args.isa)
            for library in ("cnncore", "torch")
        }
        versions = {library: worker.version for library, worker in workers.items()}
        host |= versions
        print(f"\n{host['cpu']}, {threads} thread{'s' * (threads > 1)}, N = {args.batch}; {versions}")
        print(f"  {'':<27}{'':<8}{'cnncore':>9}{'':>8}{'torch':>10}")
        print(f"  {'shape':<27}{'':<8}{'us':>9}{'GF/s':>8}{'us':>10}{'GF/s':>8}  {'layout':<14}{'ratio':>6}  range")
        rows += (measured := run(workers, args, threads))
        print_means(measured)
        for worker in workers.values():
            worker.close()
    if args.json:
        args.json.write_text(json.dumps({"machine": host, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
