"""The options of the command line. Nothing slow is imported here, so that --help answers at once."""

from __future__ import annotations

import argparse
import math
import textwrap
from pathlib import Path
from typing import Any

from cnncore._checks import PRECISIONS
from cnncore.cli.names import BATCH_SIZE, DATASETS, DEFAULT_DATASET, LARGE_BATCH_SIZE, MODELS, OPTIMIZERS

__all__ = [
    "DEFAULT_EPOCHS",
    "DEFAULT_SEED",
    "build_parser",
    "positive_float",
    "positive_int",
    "seed",
]

DEFAULT_EPOCHS = 12
DEFAULT_SEED = 0

_EXIT_CODES = "exit codes: 0 done, 1 failed, 2 bad usage or bad input, 130 interrupted by Ctrl-C, 143 by SIGTERM"

_PRECISION = """--precision chooses how exact the numbers are that Conv2D and Dense layers multiply: 24 bits of mantissa
(float32), 16 (bfloat16_3x) or 8 (bfloat16). Stored weights and sums are always float32, and so are layers with few
channels. bfloat16_3x and bfloat16 can save time if the CPU has instructions for bfloat16, which 'cnncore info' says;
otherwise they are emulated and save no time."""

_DATA = "data sets:\n" + "\n".join(
    line
    for name, entry in DATASETS.items()
    for line in textwrap.wrap(entry.description, 96, initial_indent=f"  {name:<15}", subsequent_indent=" " * 17)
)
_DATA += f"""
  FILE.npz       your own images: arrays x and y, or x_train, y_train, x_test and y_test
  IMAGES.idx     your own images in an IDX file, plain or .gz, with their labels in --labels
  DIRECTORY      your images in IDX files named like MNIST's: train-images*, train-labels*, t10k-images*, t10k-labels*

All but {DEFAULT_DATASET} and your own files are downloaded once and checked, or read from --data-dir. If there are no
test images, 20 % of the images are held out for validation, always the same ones."""

_TRAIN_EXAMPLES = f"""examples:
  cnncore train                                 the 5,000 digits inside the package, about a minute at most
  cnncore train --data mnist --epochs 3         all 60,000 digits
  cnncore train --data mnist --data-dir ~/data  the same from IDX files on this machine
  cnncore train --data cifar10                  colour photographs
  cnncore train --data mine.npz --plot run.png  your own images
  cnncore train --model mnist_cnn.safetensors   continue the training of a saved model

{_DATA}

Ctrl-C stops the training; the file then has the weights of the last complete epoch. A saved model is trained with the
optimizer, loss and metrics that were saved with it; --lr changes only its learning rate, --optimizer its optimizer.

{_PRECISION}

{_EXIT_CODES}"""

_EVALUATE_EXAMPLES = f"""examples:
  cnncore evaluate mnist_cnn.safetensors
  cnncore evaluate mnist_cnn.safetensors --data mnist --data-dir ~/data
  cnncore evaluate mnist_cnn.safetensors --precision bfloat16   the accuracy in bfloat16

{_DATA}

Without --data, the model is evaluated on the held-out images of the data that it was trained on.

{_PRECISION}

{_EXIT_CODES}"""

_PREDICT_EXAMPLES = f"""examples:
  cnncore predict mnist_cnn.safetensors digit.png
  cnncore predict mnist_cnn.safetensors digits.npy t10k-images-idx3-ubyte.gz

Images must have the size of the model's input. MNIST's digits are bright on a dark background; use --invert for dark
digits on a bright background. Transparent pictures are put on white. Each line of the output has the file of an image,
its class and the probability of this class, separated by tabs.

{_PRECISION}

{_EXIT_CODES}"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands. Parsed arguments have the name of the command and of its module, which has a function
    ``run``.
    """
    parser = argparse.ArgumentParser(
        prog="cnncore",
        description="Train and run small convolutional networks on a CPU.",
        epilog="'cnncore COMMAND --help' shows the options and examples of a command.\n" + _EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Print, what="version", help="print the version")
    parser.add_argument(
        "--cmakedir", action=_Print, what="cmakedir", help="print the directory for CMake's cnncore_DIR"
    )
    parser.add_argument("--includedir", action=_Print, what="includedir", help="print the directory of the C++ headers")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_train(commands)
    _add_evaluate(commands)
    _add_predict(commands)
    info = _add(commands, "info", "print version, instruction sets, bfloat16, threads and compiler", _EXIT_CODES)
    info.set_defaults(module="info")
    return parser


def _add_train(commands: Any) -> None:
    train = _add(commands, "train", "train a network and save it", _TRAIN_EXAMPLES)
    train.set_defaults(module="train")
    _add_dataset(train, DEFAULT_DATASET)
    train.add_argument(
        "--model",
        metavar="NAME|PATH",
        help=f"{', '.join(MODELS)}, or a saved model (mnist_cnn; for colour images cifar10_cnn)",
    )
    train.add_argument("--epochs", type=positive_int, default=DEFAULT_EPOCHS, help="passes over the data (%(default)s)")
    train.add_argument(
        "--batch-size",
        type=positive_int,
        help=f"images in a batch ({BATCH_SIZE}; with lbfgs, newton_cg, levenberg_marquardt {LARGE_BATCH_SIZE:,})",
    )
    train.add_argument(
        "--optimizer",
        choices=OPTIMIZERS,
        metavar="NAME",
        help=f"{', '.join(OPTIMIZERS)}; sgd has momentum 0.9 (adam; for a saved model its own)",
    )
    train.add_argument("--lr", type=positive_float, help="learning rate (the optimizer's default)")
    train.add_argument(
        "--seed", type=seed, default=DEFAULT_SEED, help="seed of initial weights and shuffling (%(default)s)"
    )
    _add_precision(train, "float32; for a saved model its own")
    _add_threads(train)
    train.add_argument(
        "--out", type=Path, help="where to save (a new MODEL.safetensors; for a saved model its own file)"
    )
    train.add_argument("--force", action="store_true", help="replace an existing file")
    train.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help='save plots of the run as .png, .pdf, .svg or .jpg (needs pip install "cnncore[plot]")',
    )


def _add_evaluate(commands: Any) -> None:
    evaluate = _add(commands, "evaluate", "loss and accuracy of a saved model on test images", _EVALUATE_EXAMPLES)
    evaluate.set_defaults(module="inference")
    evaluate.add_argument("file", type=Path, metavar="FILE", help="a saved model")
    _add_dataset(evaluate, "what the model was trained on")
    evaluate.add_argument("--batch-size", type=positive_int, default=256, help="images in a batch (%(default)s)")
    _add_precision(evaluate, "the model's own")
    _add_threads(evaluate)


def _add_predict(commands: Any) -> None:
    predict = _add(commands, "predict", "classes and probabilities of images", _PREDICT_EXAMPLES)
    predict.set_defaults(module="inference")
    predict.add_argument("file", type=Path, metavar="FILE", help="a saved model")
    predict.add_argument(
        "images", type=Path, nargs="+", metavar="IMAGE", help='.npy or IDX, or PNG (needs pip install "cnncore[image]")'
    )
    predict.add_argument("--invert", action="store_true", help="exchange light and dark before predicting")
    _add_precision(predict, "the model's own")
    _add_threads(predict)


def _add(commands: Any, name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=description,
        description=description[0].upper() + description[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def _add_dataset(parser: argparse.ArgumentParser, default: str) -> None:
    names = ", ".join(DATASETS)
    parser.add_argument(
        "--data",
        "--dataset",
        metavar="NAME|PATH",
        help=f"{names}, or your own files, see below ({default})",
    )
    parser.add_argument("--labels", type=Path, metavar="FILE", help="the labels of --data IMAGES.idx")
    parser.add_argument(
        "--data-dir", type=Path, metavar="D", help="directory with the files of the data set ($CNNCORE_DATA_DIR)"
    )


def _add_precision(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("--precision", choices=PRECISIONS, help=f"precision of products, see below ({default})")


def _add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads", type=positive_int, help="number of threads (one for each core that this process may use)"
    )


class _Print(argparse.Action):
    """An option that prints something about the installation and ends the program."""

    def __init__(self, option_strings: list[str], dest: str, what: str, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)
        self.what = what

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from cnncore.cli import info

        try:
            print(getattr(info, self.what)())
        except FileNotFoundError as error:
            parser.error(str(error))
        parser.exit()


def positive_int(text: str) -> int:
    """The value of an option that takes an integer of at least 1."""
    return _integer(text, 1)


def seed(text: str) -> int:
    """The value of an option that takes an integer of at least 0."""
    return _integer(text, 0)


def _integer(text: str, minimum: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = minimum - 1
    if not minimum <= value < 2**31:
        raise argparse.ArgumentTypeError(f"expected an integer from {minimum} to 2147483647. Received: {text!r}")
    return value


def positive_float(text: str) -> float:
    """The value of an option that takes a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"expected a number above 0. Received: {text!r}")
    return value
