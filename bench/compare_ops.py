"""Compare convolutions in cnncore and PyTorch (oneDNN), shape by shape: forward, gradients of input (dx) and kernel
(dw).

    python bench/compare_ops.py                                  # 1 and 2 threads, this machine's best ISA
    python bench/compare_ops.py --isa avx2 --threads 2           # both limited to AVX2
    python bench/compare_ops.py --precision bfloat16             # against PyTorch on bfloat16 tensors
    python bench/compare_ops.py --precision bfloat16_3x          # against cnncore in float32
    python bench/compare_ops.py --python torch=~/other/bin/python --json out.json

Each library has one process, bound to as many cores as it has threads, which waits on a pipe while the other one works.
For every shape and direction, the libraries take turns over several rounds. For each shape and direction, the faster of
PyTorch's two memory formats counts. The table shows medians over rounds, the range of the ratios of single rounds, and
geometric means. In the first round, the results of both libraries are compared with each other.

In a reduced precision, only shapes with at least 32 channels in each group are measured: layers with few channels gain
little, and cnncore computes those with fewer than 16 in float32. cnncore's arrays are float32 in every precision, so
its time includes the rounding; PyTorch's tensors are bfloat16 before.
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

from compare import WORKERS
from host import ISA_VARIABLES, describe_machine, machine
from peers.ops_common import Conv2dShape
from peers.precisions import PRECISIONS, UNIT_ROUNDOFF, has_precision

DIRECTIONS = ["forward", "dx", "dw"]
LEAST_CHANNELS = 32  # of a group, in reduced precision
PAUSE = 0.02  # seconds between turns, in which the other library's threads stop spinning


def read_shapes(pattern: str, channels: int) -> list[Conv2dShape]:
    """Rows of conv2d_shapes.csv whose name contains the pattern, with at least ``channels`` channels in each group."""
    with (Path(__file__).parent / "conv2d_shapes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    shapes = [Conv2dShape(name=row.pop("name"), **{key: int(value) for key, value in row.items()}) for row in rows]
    chosen = [shape for shape in shapes if pattern in shape.name and shape.in_channels // shape.groups >= channels]
    if not chosen:
        raise SystemExit(f"--shape: expected part of a name, with at least {channels} channels. Received: {pattern}")
    return chosen


class Worker:
    """The process of a library, which answers requests."""

    def __init__(self, library: str, python: str, threads: int, isa: str, precision: str) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)} | ISA_VARIABLES[isa]
        cores = sorted(os.sched_getaffinity(0))[:threads]
        self.process = subprocess.Popen(
            [python, str(WORKERS / f"{library}_ops.py"), str(threads), precision],
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.name = f"{library} {self._read()['version']} {precision}"

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


def check_results(folder: Path, what: str, terms: int, precision: str) -> None:
    """Compare all saved results with cnncore's.

    If terms of mean zero are added in different orders, their sums differ by about sqrt(terms) times the rounding error
    of a float32 number of their size. Rounding the two operands of a product changes it by up to two unit roundoffs,
    0.6 in root mean square; 0.9 if both libraries round, in different ways. These errors are independent, so a sum of
    products changes by the same share of its size. Results in bfloat16 are rounded, too.
    """
    own = np.load(folder / "own-nhwc.npy").astype(np.float64)
    unit = 0.0 if precision == "float32" else UNIT_ROUNDOFF[precision]
    tolerance = 8 * (2.0**-24 * np.sqrt(terms) + unit) * np.sqrt(np.mean(own**2))
    if precision == "bfloat16":
        tolerance += unit * np.abs(own).max()
    for path in folder.glob("other-*.npy"):
        error = float(np.abs(np.load(path) - own).max())
        if not error <= tolerance:
            raise SystemExit(f"{what}: {path.stem} differs from cnncore by {error:.3g}; expected up to {tolerance:.3g}")


def terms_of(shape: Conv2dShape, direction: str, batch: int) -> int:
    """The number of terms in the longest sum that gives an element of the result."""
    if direction == "dw":
        return batch * shape.out_size**2
    return shape.kernel**2 * (shape.in_channels if direction == "forward" else shape.filters) // shape.groups


def run(
    workers: dict[str, Worker], shapes: list[Conv2dShape], args: argparse.Namespace, threads: int
) -> list[dict[str, Any]]:
    """Measure every shape and direction, in which the workers "own" and "other" take turns."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for shape in shapes:
            for direction in args.direction:
                seconds: dict[str, list[dict[str, float]]] = {role: [] for role in workers}
                for number in range(args.rounds):
                    for role, worker in workers.items():
                        time.sleep(PAUSE)
                        request = {"shape": shape._asdict(), "direction": direction, "batch": args.batch}
                        request |= {"seconds": args.seconds, "save": f"{folder}/{role}" if number == 0 else None}
                        seconds[role].append(worker.ask(request))
                what = f"{shape.name} {direction}"
                check_results(Path(folder), what, terms_of(shape, direction, args.batch), args.precision)
                row = summarize(shape, direction, seconds, args.batch)
                rows.append(row | {"threads": threads, "precision": args.precision, "against": workers["other"].name})
                print_row(rows[-1])
    return rows


def summarize(
    shape: Conv2dShape, direction: str, seconds: dict[str, list[dict[str, float]]], batch: int
) -> dict[str, Any]:
    """One line of the table."""
    own = [answer["nhwc"] for answer in seconds["own"]]
    layouts = seconds["other"][0]
    best = min(layouts, key=lambda layout: statistics.median(answer[layout] for answer in seconds["other"]))
    other = [answer[best] for answer in seconds["other"]]
    ratios = [b / a for a, b in zip(own, other, strict=True)]
    gflop = shape.flops(batch) / 1e9
    row = {"shape": shape.name, "direction": direction, "layout": best, "gflop": gflop}
    row |= {"own_seconds": statistics.median(own), "other_seconds": statistics.median(other)}
    row |= {"ratio": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios), "seconds": seconds}
    return row


def print_row(row: dict[str, Any]) -> None:
    """Print times in microseconds, rates in GFLOP/s."""
    own, other = row["own_seconds"], row["other_seconds"]
    print(
        f"  {row['shape']:<27}{row['direction']:<8}{own * 1e6:>9,.0f}{row['gflop'] / own:>8,.0f}"
        f"{other * 1e6:>10,.0f}{row['gflop'] / other:>8,.0f}  {row['layout']:<14}{row['ratio']:>5.2f}x"
        f"  {row['lowest']:.2f}-{row['highest']:.2f}",
        flush=True,
    )


def print_means(rows: list[dict[str, Any]]) -> None:
    """Print the geometric mean and the lowest ratio of each direction."""
    for direction in DIRECTIONS:
        own = [row for row in rows if row["direction"] == direction]
        if own:
            lowest = min(own, key=lambda row: row["ratio"])
            mean = statistics.geometric_mean(row["ratio"] for row in own)
            print(f"  {direction}: geometric mean {mean:.2f}x, lowest {lowest['ratio']:.2f}x ({lowest['shape']})")


def parse_arguments() -> argparse.Namespace:
    """Read the command line. ``python`` becomes a dict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.05, help="least time of one turn (default: 0.05)")
    parser.add_argument("--direction", nargs="+", choices=DIRECTIONS, default=DIRECTIONS)
    parser.add_argument("--shape", default="", help="only shapes whose name contains this")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="default: float32")
    parser.add_argument(
        "--against",
        choices=["torch", "cnncore"],
        help="torch in the same precision, or cnncore in float32 (default: torch, but cnncore for bfloat16_3x, which "
        "torch does not have)",
    )
    parser.add_argument(
        "--isa", choices=ISA_VARIABLES, default="best", help="the instruction set of both (default: best)"
    )
    parser.add_argument(
        "--python",
        nargs="+",
        action="extend",
        default=[],
        metavar="LIBRARY=PATH",
        help="Python interpreter of cnncore or torch",
    )
    parser.add_argument("--json", type=Path, help="write rows, all times and a description of the machine")
    args = parser.parse_args()
    pairs = [entry.partition("=") for entry in args.python]
    args.python = {name: os.path.expanduser(path) for name, _, path in pairs}
    return args


def main() -> None:
    """Measure, print, write."""
    args = parse_arguments()
    shapes = read_shapes(args.shape, 1 if args.precision == "float32" else LEAST_CHANNELS)
    host = machine() | {"isa": args.isa, "batch": args.batch, "precision": args.precision}
    against = args.against or ("torch" if has_precision("torch", args.precision) else "cnncore")
    same = against == "torch" and has_precision("torch", args.precision)
    modes = {"own": ("cnncore", args.precision), "other": (against, args.precision if same else "float32")}
    rows: list[dict[str, Any]] = []
    print(describe_machine(host))
    for threads in args.threads:
        workers = {
            role: Worker(library, args.python.get(library, sys.executable), threads, args.isa, precision)
            for role, (library, precision) in modes.items()
        }
        host |= (names := {role: worker.name for role, worker in workers.items()})
        print(f"\n{names['own']} against {names['other']}, {threads} thread{'s' * (threads > 1)}, N = {args.batch}")
        titles = ("cnncore", "torch") if against == "torch" else (args.precision, "float32")
        print(f"  {'':<27}{'':<8}{titles[0]:>11}{'':>6}{titles[1]:>10}")
        print(f"  {'shape':<27}{'':<8}{'us':>9}{'GF/s':>8}{'us':>10}{'GF/s':>8}  {'layout':<14}{'ratio':>6}  range")
        rows += (measured := run(workers, shapes, args, threads))
        print_means(measured)
        for worker in workers.values():
            worker.close()
    if args.json:
        args.json.write_text(json.dumps({"machine": host, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
