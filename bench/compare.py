"""Train and run a network in cnncore and in every other library that is installed, and compare the speed.

    python bench/compare.py                                    # the README's model, both tasks, 1 and 2 threads
    python bench/compare.py --peers cnncore torch:channels_last --batch 128 --task train
    python bench/compare.py --model lenet5 cifar10_cnn --isa best avx2 --task train --batch 128
    python bench/compare.py --model resnet8 ds_cnn mobilenet autoencoder      # the networks of MLPerf Tiny
    python bench/compare.py --precision bfloat16               # bfloat16 in each library that has it
    python bench/compare.py --peers cnncore cnncore:bfloat16_3x cnncore:bfloat16 torch:channels_last:bfloat16
    python bench/compare.py --python torch=~/other/bin/python  # a library of another environment
    python bench/compare.py --json out.json --plot out.png

Every measurement is a process of its own (bench/peers/<name>_worker.py), bound to as many cores as it has threads, so
that the threads of one library do not disturb another. Rounds are interleaved: all libraries are measured once before
any is measured again, and the table shows the median and the range over rounds. Only ratios within one run mean much.
Workers check their outputs, and in training the losses of the first batch before and after a step on it, against NumPy,
and that training has learnt; a failed check fails the run. A library that is not installed, or that cannot run, has a
line in the table that says why.

A peer is written as name[:variant][:precision]. Without a precision, it has that of --precision if its library has it,
otherwise float32; the table says which. Ratios refer to the first cnncore in the list.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from data import MODELS, first_losses, write_data
from host import ISA_VARIABLES, describe_machine, machine
from peers.precisions import PRECISIONS, has_precision

WORKERS = Path(__file__).parent / "peers"
INFERENCE_ONLY = ["onnxruntime", "openvino"]
VARIANTS = {"torch": ["channels_last", "compile"]}
PEERS = ["cnncore", "torch", "torch:channels_last", "keras", "jax", *INFERENCE_ONLY]


class Peer(NamedTuple):
    """One library in one mode."""

    name: str
    variant: str
    precision: str

    @property
    def label(self) -> str:
        """For example "torch:channels_last"."""
        return f"{self.name}:{self.variant}" if self.variant else self.name


def parse_peer(text: str, precision: str) -> Peer:
    """Read name[:variant][:precision]. Without a precision, the peer has the given one, if its library has it.

    Raises a ValueError for a peer that cannot be measured.
    """
    name, *options = text.split(":")
    variants = [option for option in options if option in VARIANTS.get(name, [])]
    own = [option for option in options if option in PRECISIONS]
    if not (WORKERS / f"{name}_worker.py").is_file():
        raise ValueError(f"unknown peer; expected one of {', '.join(PEERS)}. Received: {text}")
    if len(own) > 1 or len(variants) > 1 or len(own) + len(variants) < len(options):
        known = f"variants {VARIANTS.get(name, [])}, precisions {PRECISIONS}"
        raise ValueError(f"expected a peer as name[:variant][:precision] with {known}. Received: {text}")
    if own and not has_precision(name, own[0]):
        raise ValueError(f"expected a precision that {name} has. Received: {text}")
    default = precision if has_precision(name, precision) else "float32"
    return Peer(name, variants[0] if variants else "", own[0] if own else default)


class Setting(NamedTuple):
    """What is measured of each library: a cell of the table without the library."""

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


def measure(peer: Peer, setting: Setting, folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Run one worker; its result, or {"missing": reason}. A worker whose checks fail ends the run with its output."""
    name, variant, precision = peer
    command = [args.python.get(name, sys.executable), str(WORKERS / f"{name}_worker.py"), "--variant", variant]
    command += ["--precision", precision]
    command += ["--model", setting.model, "--data", str(folder / f"{setting.model}.npz"), "--task", setting.task]
    command += ["--batch", str(setting.batch), "--threads", str(setting.threads), "--seconds", str(args.seconds)]
    command += ["--clock", args.clock]
    if setting.task == "train":
        command += ["--first-losses", *map(repr, args.first_losses[setting.model, setting.batch])]
    environment = os.environ | {"OMP_NUM_THREADS": str(setting.threads)} | ISA_VARIABLES[setting.isa]

    def bind() -> None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: setting.threads])

    done = subprocess.run(command, env=environment, preexec_fn=bind, capture_output=True, text=True, check=False)
    if done.returncode < 0 and name != "cnncore":  # the library has crashed, which says nothing about cnncore
        return {"missing": f"ended by {signal.Signals(-done.returncode).name}: {done.stderr.strip()[-200:]}"}
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    result = dict(json.loads(done.stdout.splitlines()[-1]))
    if name == "cnncore" and "missing" in result:
        raise SystemExit(f"cnncore cannot run: {result['missing']}")
    return result


def show_progress(text: str) -> None:
    """Replace the last line on the terminal, if stderr is one."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def run_rounds(
    args: argparse.Namespace, folder: Path
) -> tuple[dict[Setting, dict[Peer, list[dict[str, Any]]]], dict[tuple[Peer, str], str]]:
    """Measure everything in turns, and print the part of the table that belongs to a setting when it is done.

    Returns the results by setting and peer, and the reasons why peers are left out, by peer and instruction set.
    """
    results: dict[Setting, dict[Peer, list[dict[str, Any]]]] = {}
    missing: dict[tuple[Peer, str], str] = {}
    for setting in settings(args):
        for number in range(args.rounds):
            for peer in args.peers:
                if reason_to_skip(peer, setting, missing):
                    continue
                show_progress(f"{describe(setting)}, round {number + 1}: {peer.label} {peer.precision}")
                result = measure(peer, setting, folder, args)
                if "missing" in result:
                    missing[peer, setting.isa] = result["missing"]
                else:
                    results.setdefault(setting, {}).setdefault(peer, []).append(result)
        show_progress("")
        print_setting(setting, summarize({setting: results.get(setting, {})}))
        for peer in args.peers:
            if reason := reason_to_skip(peer, setting, missing):
                print(f"  {peer.label:<32} {peer.precision:<11}not measured: {reason}", flush=True)
    return results, missing


def reason_to_skip(peer: Peer, setting: Setting, missing: dict[tuple[Peer, str], str]) -> str | None:
    """The reason why a library is not measured in a setting. None if it is measured."""
    if setting.task == "train" and peer.name in INFERENCE_ONLY:
        return "it only infers"
    return missing.get((peer, setting.isa))


def settings(args: argparse.Namespace) -> Iterator[Setting]:
    """Yield every combination that the command line asks for."""
    cores = len(os.sched_getaffinity(0))
    if args.clock == "cpu" and max(args.threads) > 1:
        raise SystemExit("--clock cpu: expected --threads 1, because threads that wait take time as well")
    if max(args.threads) > cores:
        raise SystemExit(f"--threads {max(args.threads)}: expected at most {cores}, the cores of this process")
    for model, isa, task, threads in itertools.product(args.model, args.isa, args.task, args.threads):
        batches = args.batch or ([32, 128, 1024] if task == "train" else [1, 1024])
        yield from (Setting(model, isa, task, threads, batch) for batch in batches)


def summarize(results: dict[Setting, dict[Peer, list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    """Rows for settings and peers: median and range over rounds, and how many times as fast the first cnncore is."""
    rows = []
    for setting, by_peer in results.items():
        rates = {peer: [r["images_per_second"] for r in runs] for peer, runs in by_peer.items()}
        cnncore = next((peer for peer in rates if peer.name == "cnncore"), None)
        own = statistics.median(rates[cnncore]) if cnncore else None
        for peer, runs in by_peer.items():
            median = statistics.median(rates[peer])
            row = setting._asdict() | {"peer": peer.label, "precision": peer.precision, "version": runs[0]["version"]}
            row |= {"images_per_second": median, "lowest": min(rates[peer]), "highest": max(rates[peer])}
            row |= {"rounds": len(runs), "peak_mb": max(r["peak_mb"] for r in runs)}
            row |= {"cnncore_ratio": own / median if own else None}
            row |= {"cnncore_precision": cnncore.precision if cnncore else None}
            rows.append(row)
    return rows


def print_setting(setting: Setting, rows: list[dict[str, Any]]) -> None:
    """Print a block of the table, with a line for each peer."""
    own = " ".join(["cnncore", rows[0]["cnncore_precision"] or ""]) if rows else "cnncore"
    columns = f"{'us/batch':>10}{'images/s':>10}  {'range':<17}{'peak MB':>8}  {own} is"
    print(f"\n{describe(setting)}\n  {'library':<32} {'precision':<11}{columns}")
    for row in rows:
        rate = row["images_per_second"]
        ratio = f"{row['cnncore_ratio']:.2f}x" if row["cnncore_ratio"] else ""
        spread = f"{row['lowest']:,.0f}-{row['highest']:,.0f}"
        name = f"{row['peer']} {row['version']}"
        columns = f"{1e6 * row['batch'] / rate:>10,.0f}{rate:>10,.0f}  {spread:<17}{row['peak_mb']:>8,.0f}  {ratio}"
        print(f"  {name:<32} {row['precision']:<11}{columns}", flush=True)


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw bars of images per second, with a panel for each setting."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise SystemExit('--plot needs matplotlib: pip install "cnncore[plot]"') from error

    panels = list(dict.fromkeys(Setting(*(row[field] for field in Setting._fields)) for row in rows))
    figure, axes = plt.subplots(len(panels), 1, figsize=(8, 2.2 * len(panels)), squeeze=False, layout="constrained")
    for axis, panel in zip(axes[:, 0], panels, strict=True):
        own = [row for row in rows if all(row[field] == value for field, value in panel._asdict().items())][::-1]
        colours = ["C1" if row["peer"] == "cnncore" else "C0" for row in own]
        names = [f"{row['peer']} {row['precision']}" for row in own]
        axis.barh(names, [row["images_per_second"] for row in own], color=colours)
        axis.set_title(f"{describe(panel)}: images/s", loc="left", fontsize=10)
    figure.savefig(path, dpi=120)


def parse_arguments() -> argparse.Namespace:
    """Read the command line. ``python`` becomes a dict, and ``peers`` a list of Peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", choices=MODELS, default=["mnist_cnn"], help="default: mnist_cnn")
    parser.add_argument("--task", nargs="+", choices=["train", "infer"], default=["train", "infer"])
    parser.add_argument("--batch", nargs="+", type=int, help="default: 32 128 1024 in training, 1 1024 in inference")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="least time of one measurement (default: 3)")
    parser.add_argument(
        "--clock",
        choices=["wall", "cpu"],
        default="wall",
        help="cpu: the processor time of a worker, which other programs disturb less; only with one thread",
    )
    parser.add_argument(
        "--images", type=int, help="size of the training set (default: 8192 of MNIST, else 2048 or 1024)"
    )
    parser.add_argument(
        "--peers",
        nargs="+",
        metavar="PEER",
        help=f"default: {' '.join(PEERS)}, and with a reduced --precision also cnncore:float32. "
        "Others are torch:compile, and peers with a precision, such as torch:channels_last:bfloat16",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="float32",
        help="the precision of peers that name none, if their libraries have it: autocast in PyTorch, the policy "
        "mixed_bfloat16 in Keras, the type of arrays in JAX, a hint in OpenVINO (default: float32)",
    )
    parser.add_argument(
        "--python", nargs="+", action="extend", default=[], metavar="PEER=PATH", help="Python interpreter of a peer"
    )
    parser.add_argument(
        "--isa",
        nargs="+",
        choices=ISA_VARIABLES,
        default=["best"],
        help="the instruction set that cnncore, oneDNN, MKL and XLA are limited to (default: best, no limit)",
    )
    parser.add_argument("--json", type=Path, help="write rows, raw results and a description of the machine")
    parser.add_argument("--plot", type=Path, help="draw the table as a picture")
    args = parser.parse_args()
    pairs = [entry.partition("=") for entry in args.python]
    args.python = {name: os.path.expanduser(path) for name, _, path in pairs}
    own = ["cnncore:float32"] if args.precision != "float32" else []
    try:
        peers = [parse_peer(text, args.precision) for text in args.peers or [PEERS[0], *own, *PEERS[1:]]]
        for name in args.python:
            parse_peer(name, "float32")
    except ValueError as error:
        parser.error(str(error))
    args.peers = list(dict.fromkeys(peers))
    return args


def main() -> None:
    """Measure, print, write."""
    args = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        data = {model: write_data(Path(folder), model, args.images) for model in args.model}
        args.first_losses = {
            (model, batch): first_losses(Path(folder), model, batch)
            for model, batch in {(s.model, s.batch) for s in settings(args) if s.task == "train"}
        }
        host = machine() | {"data": data, "precision": args.precision}
        print(f"{describe_machine(host)}\n{'; '.join(f'{model} on {images}' for model, images in data.items())}")
        results, missing = run_rounds(args, Path(folder))
    rows = summarize(results)
    if args.json:
        raw = [setting._asdict() | p._asdict() | {"runs": r} for setting, by in results.items() for p, r in by.items()]
        left_out = [peer._asdict() | {"isa": isa, "reason": reason} for (peer, isa), reason in missing.items()]
        args.json.write_text(json.dumps({"machine": host, "missing": left_out, "rows": rows, "raw": raw}, indent=1))
    if args.plot:
        plot(rows, args.plot)


if __name__ == "__main__":
    main()
