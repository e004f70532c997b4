"""Draw the results of bench_ops below the limits ("roofs") of this machine: GFLOP/s by arithmetic intensity.

    OMP_NUM_THREADS=1 build/bench/bench_ops --benchmark_out=ops.json --benchmark_out_format=json
    python bench/roofline.py ops.json --plot roofline.png

The intensity of an op is the number of its operations divided by the number of bytes that must be read or written at
least once. The sloping roof is the measured memory bandwidth times the intensity; the flat roof is the measured peak of
the FMA units. Operations are counted by the definition of the op. So a point above the flat roof has an algorithm that
needs fewer operations, and a point above the sloping roof has data that is still in the caches. The table lists what
share of its roof each op reaches, beginning with the lowest.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

COLOURS = {"conv2d/forward": "C0", "conv2d/dx": "C1", "conv2d/dw": "C2", "dense": "C3"}


class Point(NamedTuple):
    """One op on one shape."""

    name: str
    intensity: float
    gflops: float
    roof: float

    @property
    def share(self) -> float:
        return self.gflops / self.roof


def read_points(report: dict[str, Any], isa: str) -> list[Point]:
    """Return the ops of this instruction set for which operations are counted; of repeated runs, their medians."""
    bandwidth, peak = float(report["context"]["memory_gbs"]), float(report["context"][f"peak_gflops_{isa}"])
    runs = [run for run in report["benchmarks"] if "flop/byte" in run and f"/{isa}/" in run["run_name"]]
    if any(run["run_type"] == "aggregate" for run in runs):
        runs = [run for run in runs if run.get("aggregate_name") == "median"]
    points = []
    for run in runs:
        name, intensity = run["run_name"].partition(f"/{isa}/")[0], run["flop/byte"]
        points.append(Point(name, intensity, run["GFLOP/s"], min(peak, bandwidth * intensity)))
    if not points:
        raise SystemExit(f"expected ops measured with {isa}. Received: none in the file")
    return points


def print_table(points: list[Point]) -> None:
    """Print a line for each op, beginning with the one that is farthest from its roof."""
    print(f"{'op':<48}{'flop/byte':>10}{'GFLOP/s':>10}{'roof':>8}{'share':>8}")
    for point in sorted(points, key=lambda point: point.share):
        print(f"{point.name:<48}{point.intensity:>10.1f}{point.gflops:>10.1f}{point.roof:>8.0f}{point.share:>8.0%}")


def plot(points: list[Point], context: dict[str, Any], isa: str, path: Path) -> None:
    """Draw the roofs and a point per op."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise SystemExit('--plot needs matplotlib: pip install "cnncore[plot]"') from error

    bandwidth, peak = float(context["memory_gbs"]), float(context[f"peak_gflops_{isa}"])
    figure, axis = plt.subplots(figsize=(8, 5), layout="constrained")
    ends = [min(point.intensity for point in points) / 2, max(point.intensity for point in points) * 2]
    corners = [ends[0], peak / bandwidth, ends[1]]
    axis.plot(corners, [min(peak, bandwidth * x) for x in corners], color="black", linewidth=1)
    axis.text(ends[1], peak * 1.05, f"FMA peak {peak:.0f} GFLOP/s", ha="right", fontsize=8)
    axis.text(ends[0], bandwidth * ends[0] * 2, f"memory {bandwidth:.0f} GB/s", fontsize=8, rotation=35)
    for group, colour in COLOURS.items():
        own = [point for point in points if point.name.startswith(group)]
        axis.scatter([p.intensity for p in own], [p.gflops for p in own], s=18, color=colour, label=group)
    axis.set(xscale="log", yscale="log", xlabel="operations per byte", ylabel="GFLOP/s")
    axis.set_title(f"{isa}, {context['threads']} thread(s)", loc="left", fontsize=10)
    axis.legend(fontsize=8)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Read, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="JSON that bench_ops wrote with --benchmark_out")
    parser.add_argument("--isa", help="default: the fastest in the file")
    parser.add_argument("--plot", type=Path, help="image to write")
    args = parser.parse_args()
    report = json.loads(args.report.read_text())
    peaks = {key: float(value) for key, value in report["context"].items() if key.startswith("peak_gflops_")}
    isa = args.isa or max(peaks, key=lambda key: peaks[key]).removeprefix("peak_gflops_")
    points = read_points(report, isa)
    print_table(points)
    if args.plot:
        plot(points, report["context"], isa, args.plot)


if __name__ == "__main__":
    main()
