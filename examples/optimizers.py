"""Seven optimizers on MNIST: training loss and test accuracy by epochs and by time.

    python examples/optimizers.py                     # 2,000 images, one seed
    python examples/optimizers.py --images 60000 --seeds 5 --curves full.jsonl --plot full.png
    python examples/optimizers.py --images 60000 --only adam kfac --epochs 1
    python examples/optimizers.py --quick             # a short trial on the digits of the package
    python examples/optimizers.py --only adam kfac

The network is the README's, with 225,034 weights. Each optimizer has the batch size that suits it. On all 60,000
images, the learning rate falls along a cosine and reaches zero at the end of the last epoch, except for L-BFGS and
Newton-CG. The time is that of training alone, without the evaluations in between; if other programs run, measure
processor time with ``--clock cpu --threads 1``. ``--curves`` writes the result of each training to a file, and does not
repeat a training whose result the file contains. The table goes to stdout, progress to stderr.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cnncore
from cnncore import optimizers
from cnncore.applications import mnist_cnn
from cnncore.callbacks import Callback
from cnncore.datasets import mnist, mnist5k
from cnncore.optimizers.schedules import CosineDecay


class Setting(NamedTuple):
    """How to train with one optimizer."""

    make: Callable[[Any], optimizers.Optimizer]  # makes the optimizer for a learning rate
    rate: float
    batch_size: int
    epochs: int


SMALL = {
    "sgd": Setting(lambda rate: optimizers.SGD(rate, momentum=0.9), 0.02, 128, 20),
    "adam": Setting(optimizers.Adam, 0.001, 128, 20),
    "muon": Setting(optimizers.Muon, 0.01, 128, 20),
    "lbfgs": Setting(lambda rate: optimizers.LBFGS(rate, iterations_per_batch=5), 1.0, 2000, 12),
    "newton_cg": Setting(lambda rate: optimizers.NewtonCG(rate, curvature_samples=500), 1.0, 2000, 15),
    "kfac": Setting(optimizers.KFAC, 0.3, 128, 6),
    "soap": Setting(optimizers.SOAP, 0.01, 128, 8),
}
FULL = {
    "sgd": Setting(lambda rate: optimizers.SGD(rate, momentum=0.9), 0.05, 128, 3),
    "adam": Setting(optimizers.Adam, 0.001, 128, 3),
    "muon": Setting(optimizers.Muon, 0.01, 128, 3),
    "lbfgs": Setting(lambda rate: optimizers.LBFGS(rate, iterations_per_batch=3), 1.0, 6000, 3),
    "newton_cg": Setting(lambda rate: optimizers.NewtonCG(rate, curvature_samples=500), 1.0, 2000, 1),
    "kfac": Setting(optimizers.KFAC, 0.3, 128, 2),
    "soap": Setting(optimizers.SOAP, 0.01, 128, 2),
}
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
SCHEDULED = ("sgd", "adam", "muon", "kfac", "soap")  # on all images; a line search needs no schedule


class Curve(NamedTuple):
    """The results of one training after each epoch."""

    seconds: list[float]
    loss: list[float]  # on the training images
    accuracy: list[float]  # on the test images


class Measure(Callback):
    """Evaluates after each epoch, and measures the time of training without these evaluations."""

    def __init__(self, data: Any, clock: Callable[[], float]) -> None:
        super().__init__()
        (self.train, self.test), self.clock = data, clock
        self.curve = Curve([], [], [])
        self.seconds = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.start = self.clock()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds += self.clock() - self.start
        self.curve.seconds.append(self.seconds)
        self.curve.loss.append(self.model.evaluate(*self.train, verbose=0, return_dict=True)["loss"])
        self.curve.accuracy.append(self.model.evaluate(*self.test, verbose=0, return_dict=True)["accuracy"])


def train(name: str, setting: Setting, seed: int, data: Any, scheduled: bool, clock: Callable[[], float]) -> Curve:
    """The curve of one optimizer from one seed."""
    (x, y), _ = data
    cnncore.utils.set_random_seed(seed)
    batch_size = min(setting.batch_size, len(x))
    rate: Any = setting.rate
    if scheduled and name in SCHEDULED:
        rate = CosineDecay(rate, setting.epochs * -(-len(x) // batch_size))
    model = mnist_cnn()
    model.compile(setting.make(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    measure = Measure(data, clock)
    model.fit(x, y, batch_size=batch_size, epochs=setting.epochs, verbose=0, callbacks=[measure])
    return measure.curve


class Curves:
    """Curves by optimizer, epochs and seed. They are kept in a file with one JSON value in each line."""

    def __init__(self, path: str | None) -> None:
        self.path = Path(path) if path else None
        lines = self.path.read_text().splitlines() if self.path and self.path.exists() else []
        self.known = {tuple(key): Curve(*curve) for key, curve in map(json.loads, lines)}

    def get(self, key: tuple[Any, ...], make: Callable[[], Curve]) -> Curve:
        """The curve that the file has for the key, or else a new one."""
        if key not in self.known:
            self.known[key] = make()
            if self.path:
                with self.path.open("a") as file:
                    file.write(json.dumps([key, self.known[key]]) + "\n")
        return self.known[key]


def load(args: argparse.Namespace) -> Any:
    """Images and labels for training and test."""
    if args.quick:
        (x, y), test = mnist5k.load_data()
        return (x[:500], y[:500]), (test[0][:200], test[1][:200])
    (x, y), test = mnist.load_data(data_dir=args.data_dir)
    return (x[: args.images], y[: args.images]), test


def first(values: list[float], reached: Callable[[float], bool]) -> int | None:
    """The first epoch, from 1, whose value is good enough."""
    return next((i for i, value in enumerate(values, 1) if reached(value)), None)


def report(curves: dict[str, list[Curve]], target: float) -> None:
    """Print the table, which has medians over seeds."""
    print(
        f"{'optimizer':<10} {'epochs':>6} {'seconds':>8} {'loss':>9} {'accuracy':>9}   "
        f"{'loss <= ' + format(target, '.4f'):>22} {'accuracy >= 99 %':>18}"
    )
    for name, runs in curves.items():
        last = [statistics.median(getattr(run, field)[-1] for run in runs) for field in Curve._fields]
        cells = []
        for field, good in (("loss", lambda v: v <= target), ("accuracy", lambda v: v >= 0.99)):
            epochs = [first(getattr(run, field), good) for run in runs]
            found = [(e, run.seconds[e - 1]) for e, run in zip(epochs, runs, strict=True) if e is not None]
            share = "" if len(found) == len(runs) else f" ({len(found)}/{len(runs)})"
            cells.append(
                f"{statistics.median(e for e, _ in found):g} ep, {statistics.median(s for _, s in found):.1f} s{share}"
                if found
                else "-"
            )
        print(
            f"{name:<10} {len(runs[0].loss):6} {last[0]:8.1f} {last[1]:9.5f} {last[2]:9.4f}   {cells[0]:>22} "
            f"{cells[1]:>18}"
        )


def draw(curves: dict[str, list[Curve]], path: str, title: str) -> None:
    """Four panels: loss and error against epochs and against seconds, a line for each seed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(11, 8), sharey="row", layout="constrained")
    for color, (name, runs) in enumerate(curves.items()):
        for number, run in enumerate(runs):
            error = [100 * (1 - accuracy) for accuracy in run.accuracy]
            epochs = range(1, len(run.loss) + 1)
            for row, values in enumerate((run.loss, error)):
                for axis, x in zip(axes[row], (epochs, run.seconds), strict=True):
                    axis.plot(x, values, f"C{color}", marker=".", label=None if number else name, alpha=0.8)
    for row, label in zip(axes, ("training loss", "test error in %"), strict=True):
        row[0].set(ylabel=label, yscale="log")
        for axis, name, scale in zip(row, ("epochs", "seconds of training"), ("linear", "log"), strict=True):
            axis.set(xlabel=name, xscale=scale)
            axis.grid(alpha=0.3)
    axes[0, 0].legend()
    figure.suptitle(title)
    figure.savefig(path, dpi=120)
    print(f"drawn: {path}")


def main(argv: Sequence[str] | None = None) -> dict[str, list[Curve]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000, help="number of training images (%(default)s)")
    parser.add_argument("--seeds", type=int, default=1, help="number of networks for each optimizer (%(default)s)")
    parser.add_argument("--epochs", type=int, help="the same number of epochs for all optimizers")
    parser.add_argument("--only", nargs="+", choices=list(SMALL), help="only these optimizers")
    parser.add_argument("--quick", action="store_true", help="500 images of the package, a tenth of the epochs")
    parser.add_argument(
        "--clock", choices=list(CLOCKS), default="wall", help="elapsed time or processor time (%(default)s)"
    )
    parser.add_argument("--threads", type=int, help="number of threads of cnncore")
    parser.add_argument("--curves", help="a file of curves to read and to add to, such as full.jsonl")
    parser.add_argument("--plot", help="a picture of the curves, such as optimizers.png; needs matplotlib")
    parser.add_argument("--data-dir", help="directory of MNIST's files ($CNNCORE_DATA_DIR)")
    args = parser.parse_args(argv)

    if args.threads:
        cnncore.set_num_threads(args.threads)
    data, full = load(args), not args.quick and args.images > 10_000
    settings = FULL if full else SMALL
    curves: dict[str, list[Curve]] = {}
    stored = Curves(args.curves)
    for seed in range(args.seeds):  # the outer loop, so that other load affects all optimizers alike
        for name in args.only or settings:
            setting = settings[name]
            if args.epochs:
                setting = setting._replace(epochs=args.epochs)
            if args.quick:
                setting = setting._replace(epochs=max(1, setting.epochs // 10))
            curve = stored.get(
                (name, len(data[0][0]), setting.epochs, seed, args.clock),
                partial(train, name, setting, seed, data, full, CLOCKS[args.clock]),
            )
            curves.setdefault(name, []).append(curve)
            print(
                f"seed {seed}: {name}, {curve.seconds[-1]:.1f} s, loss {curve.loss[-1]:.5f}, "
                f"test accuracy after each epoch {' '.join(f'{value:.4f}' for value in curve.accuracy)}",
                file=sys.stderr,
                flush=True,
            )
    reference = curves.get("adam") or next(iter(curves.values()))
    report(curves, statistics.median(run.loss[-1] for run in reference))
    if args.plot:
        draw(curves, args.plot, f"{len(data[0][0]):,} images of MNIST, {args.seeds} seed{'s' * (args.seeds > 1)}")
    return curves


if __name__ == "__main__":
    main()
