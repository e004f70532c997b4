"""Train and run a network in cnncore and in every other library that is installed, side by side.

    python bench/compare.py                                    # the README's model, both tasks, 1 and 2 threads
    python bench/compare.py --peers cnncore torch:channels_last --batch 128 --task train
    python bench/compare.py --model lenet5 cifar10_cnn --isa best avx2 --task train --batch 128
    python bench/compare.py --python torch=~/other/bin/python  # a library of another environment
    python bench/compare.py --json out.json --plot out.png

Every measurement is a process of its own (bench/peers/<name>_worker.py), bound to as many cores as it has threads, so
that no library's threads disturb another's. Rounds are interleaved: all libraries are measured once before any is
measured again, and the table shows the median and the range over rounds. Only ratios within one run mean much. Workers
check their outputs against NumPy and that training has learnt; a failed check fails the run.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from peers.models import MODELS

WORKERS = Path(__file__).parent / "peers"
INFERENCE_ONLY = ["onnxruntime", "openvino"]
PEERS = ["cnncore", "torch", "torch:channels_last", "keras", "jax", *INFERENCE_ONLY]
# The same ceiling for the kernels of every library that has such a switch (ONNX Runtime has none).
ISA_VARIABLES: dict[str, dict[str, str]] = {
    "best": {},
    "avx2": {
        "CNNCORE_ISA": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    },
}


class Setting(NamedTuple):
    """One cell of the table, but for the library."""

    model: str
    isa: str
    task: str
    threads: int
    batch: int


def describe(setting: Setting) -> str:
    """For headings: "mnist_cnn, training, batch 128, 2 threads, avx2"."""
    verb = "training" if setting.task == "train" else "inference"
    isa = "" if setting.isa == "best" else f", {setting.isa}"
    plural = "s" * (setting.threads > 1)
    return f"{setting.model}, {verb}, batch {setting.batch}, {setting.threads} thread{plural}{isa}"


def write_data(folder: Path, model: str, images: int | None) -> str:
    """Write the data set that all workers of a model read; return its name.

    MNIST comes from CNNCORE_DATA_DIR, else its 5,000 embedded images are used; CIFAR-10 as its loader finds it.
    """
    from cnncore.datasets import cifar10, mnist, mnist5k

    if model == "cifar10_cnn":
        name, source, size = "cifar10", cifar10, images or 2048
    elif os.environ.get("CNNCORE_DATA_DIR"):
        name, source, size = "mnist", mnist, images or 8192
    else:
        name, source, size = "mnist5k", mnist5k, images or 8192
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a part of the data set is enough
        (x_train, y_train), (x_test, y_test) = source.load_data()
    order = np.resize(np.arange(len(x_train)), size)  # a small set is repeated
    train = {"x_train": x_train[order], "y_train": y_train[order].astype(np.int64).ravel()}
    test = {"x_test": x_test[:1000], "y_test": y_test[:1000].astype(np.int64).ravel()}
    np.savez(folder / f"{model}.npz", **train, **test)
    return f"{size} images of {name}"


def measure(peer: str, setting: Setting, folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Run one worker; its result, or {"missing": reason}. A worker whose checks fail ends the run with its output."""
    name, _, variant = peer.partition(":")
    command = [args.python.get(name, sys.executable), str(WORKERS / f"{name}_worker.py"), "--variant", variant]
    command += ["--model", setting.model, "--data", str(folder / f"{setting.model}.npz"), "--task", setting.task]
    command += ["--batch", str(setting.batch), "--threads", str(setting.threads), "--seconds", str(args.seconds)]
    environment = os.environ | {"OMP_NUM_THREADS": str(setting.threads)} | ISA_VARIABLES[setting.isa]

    def bind() -> None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: setting.threads])

    done = subprocess.run(command, env=environment, preexec_fn=bind, capture_output=True, text=True, check=False)
    if done.returncode < 0 and name != "cnncore":  # the library has crashed: not our result to judge
        return {"missing": f"ended by {signal.Signals(-done.returncode).name}: {done.stderr.strip()[-200:]}"}
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def show_progress(text: str) -> None:
    """Replace the line on the terminal, if there is one."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def run_rounds(
    args: argparse.Namespace, folder: Path
) -> tuple[dict[Setting, dict[str, list[dict[str, Any]]]], dict[str, str]]:
    """Measure everything, interleaved; results by setting and peer, and why a peer is left out."""
    results: dict[Setting, dict[str, list[dict[str, Any]]]] = {}
    missing: dict[str, str] = {}
    for setting in settings(args):
        for number in range(args.rounds):
            for peer in args.peers:
                if peer in missing or (setting.task == "train" and peer in INFERENCE_ONLY):
                    continue
                show_progress(f"{describe(setting)}, round {number + 1}: {peer}")
                result = measure(peer, setting, folder, args)
                if "missing" in result:
                    missing[peer] = result["missing"]
                else:
                    results.setdefault(setting, {}).setdefault(peer, []).append(result)
    show_progress("")
    return results, missing


def settings(args: argparse.Namespace) -> Iterator[Setting]:
    """Yield every combination that the command line asks for."""
    cores = len(os.sched_getaffinity(0))
    if max(args.threads) > cores:
        raise SystemExit(f"--threads {max(args.threads)}: expected at most {cores}, the cores of this process")
    for model, isa, task, threads in itertools.product(args.model, args.isa, args.task, args.threads):
        batches = args.batch or ([32, 128, 1024] if task == "train" else [1, 1024])
        yield from (Setting(model, isa, task, threads, batch) for batch in batches)


def summarize(results: dict[Setting, dict[str, list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    """One row per setting and peer: median and range over rounds, and how many times faster cnncore is."""
    rows = []
    for setting, by_peer in results.items():
        rates = {peer: [r["images_per_second"] for r in runs] for peer, runs in by_peer.items()}
        own = statistics.median(rates["cnncore"]) if "cnncore" in rates else None
        for peer, runs in by_peer.items():
            median = statistics.median(rates[peer])
            row = setting._asdict() | {"peer": peer, "version": runs[0]["version"], "images_per_second": median}
            row |= {"lowest": min(rates[peer]), "highest": max(rates[peer]), "rounds": len(runs)}
            row |= {"peak_mb": max(r["peak_mb"] for r in runs), "cnncore_ratio": own / median if own else None}
            rows.append(row)
    return rows


def print_table(rows: list[dict[str, Any]], missing: dict[str, str]) -> None:
    """Print a block per setting, a line per peer."""
    heading = None
    for row in rows:
        setting = Setting(*(row[field] for field in Setting._fields))
        if setting != heading:
            heading = setting
            print(f"\n{describe(setting)}")
            print(f"  {'library':<34}{'us/batch':>10}{'images/s':>10}  {'range':<17}{'peak MB':>8}  cnncore is")
        rate = row["images_per_second"]
        ratio = f"{row['cnncore_ratio']:.2f}x" if row["cnncore_ratio"] else ""
        spread = f"{row['lowest']:,.0f}-{row['highest']:,.0f}"
        name = f"{row['peer']} {row['version']}"
        columns = f"{1e6 * row['batch'] / rate:>10,.0f}{rate:>10,.0f}  {spread:<17}{row['peak_mb']:>8,.0f}  {ratio}"
        print(f"  {name:<34}{columns}")
    for peer, reason in missing.items():
        print(f"\n  {peer}: left out ({reason})")


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Bars of images a second, one panel per setting."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise SystemExit('--plot needs matplotlib: pip install "cnncore[plot]"') from error

    panels = list(dict.fromkeys(Setting(row["task"], row["threads"], row["batch"]) for row in rows))
    figure, axes = plt.subplots(len(panels), 1, figsize=(8, 2.2 * len(panels)), squeeze=False, layout="constrained")
    for axis, panel in zip(axes[:, 0], panels, strict=True):
        own = [row for row in rows if all(row[field] == value for field, value in panel._asdict().items())][::-1]
        colours = ["C1" if row["peer"] == "cnncore" else "C0" for row in own]
        axis.barh([row["peer"] for row in own], [row["images_per_second"] for row in own], color=colours)
        axis.set_title(f"{describe(panel)}: images/s", loc="left", fontsize=10)
    figure.savefig(path, dpi=120)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "isas": [isa for isa in ("avx2", "avx512f", "avx512_bf16", "amx_tile") if isa in flags],
        "system": platform.platform(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes"),
    }


def parse_arguments() -> argparse.Namespace:
    """Read the command line; ``python`` becomes a dict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", choices=MODELS, default=["mnist_cnn"], help="default: mnist_cnn")
    parser.add_argument("--task", nargs="+", choices=["train", "infer"], default=["train", "infer"])
    parser.add_argument("--batch", nargs="+", type=int, help="default: 32 128 1024 in training, 1 1024 in inference")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="least time of one measurement (default: 3)")
    parser.add_argument("--images", type=int, help="size of the training set (default: 8192; cifar10_cnn 2048)")
    parser.add_argument("--peers", nargs="+", default=PEERS, help=f"default: {' '.join(PEERS)}; also torch:compile")
    parser.add_argument("--python", nargs="+", default=[], metavar="PEER=PATH", help="interpreter of a peer")
    parser.add_argument(
        "--isa",
        nargs="+",
        choices=ISA_VARIABLES,
        default=["best"],
        help="the instruction set that cnncore, oneDNN, MKL and XLA are limited to (default: best, no limit)",
    )
    parser.add_argument("--json", type=Path, help="write rows, raw results and the machine")
    parser.add_argument("--plot", type=Path, help="draw the table")
    args = parser.parse_args()
    pairs = [entry.partition("=") for entry in args.python]
    args.python = {name: os.path.expanduser(path) for name, _, path in pairs}
    for peer in args.peers + list(args.python):
        if not (WORKERS / f"{peer.partition(':')[0]}_worker.py").is_file():
            parser.error(f"unknown peer; expected one of {', '.join(PEERS)}. Received: {peer}")
    return args


def main() -> None:
    """Measure, print, write."""
    args = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        data = {model: write_data(Path(folder), model, args.images) for model in args.model}
        host = machine() | {"data": data}
        print(f"{host['cpu']}, {host['cores']} cores ({' '.join(host['isas'])}); {data}")
        results, missing = run_rounds(args, Path(folder))
    rows = summarize(results)
    print_table(rows, missing)
    if args.json:
        raw = [setting._asdict() | {"peer": p, "runs": r} for setting, by in results.items() for p, r in by.items()]
        args.json.write_text(json.dumps({"machine": host, "missing": missing, "rows": rows, "raw": raw}, indent=1))
    if args.plot:
        plot(rows, args.plot)


if __name__ == "__main__":
    main()
