"""Compare examples/cifar10_recipe.py with the same recipe in PyTorch: accuracy over some seeds, and seconds of an
epoch.

    python bench/cifar10_recipe_torch.py [--seeds 3] [--epochs 8] [--width 32] [--threads 2] [--data-dir FOLDER]
    python bench/cifar10_recipe_torch.py --seeds 0 --rounds 5 [--clock cpu --threads 1]

The data, the whitening, the initial kernels, the augmentation, the settings and the test are the same. For each seed,
both libraries train one after the other, with the same number of threads; `--rounds` measures single epochs in turn.
PyTorch's tensors are channels-last, which is faster here. Muon is written here, because PyTorch's Muon takes only
matrices.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

import cnncore
from cnncore.datasets import cifar10

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))
import cifar10_recipe as recipe

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def kernel_of(values: np.ndarray) -> nn.Parameter:
    """A kernel (height, width, channels, filters) in PyTorch's layout."""
    return nn.Parameter(torch.from_numpy(np.ascontiguousarray(values.transpose(3, 2, 0, 1))))


def convolution(channels: int, filters: int, kernel: np.ndarray) -> nn.Conv2d:
    layer = nn.Conv2d(channels, filters, 3, padding=1, bias=False)
    layer.weight = kernel_of(kernel)
    return layer


def normalization(channels: int) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.4)  # 1 - Keras' momentum
    layer.weight.requires_grad = False
    return layer


def make_model(images: np.ndarray, width: int, seed: int) -> nn.Sequential:
    make_kernel = recipe.identity(np.random.default_rng(seed))
    whiten = nn.Conv2d(3, 24, 2)
    kernel, bias = recipe.whitening(images[:2000])
    whiten.weight, whiten.bias = kernel_of(kernel), nn.Parameter(torch.from_numpy(bias))
    whiten.requires_grad_(False)
    layers, channels = [whiten, nn.GELU()], 24
    for filters in (width, 2 * width, 4 * width):
        first, second = make_kernel((3, 3, channels, filters)), make_kernel((3, 3, filters, filters))
        layers += [convolution(channels, filters, first), nn.MaxPool2d(2), normalization(filters), nn.GELU()]
        layers += [convolution(filters, filters, second), normalization(filters), nn.GELU()]
        channels = filters
    head = nn.Linear(channels, 10, bias=False)
    bound = np.sqrt(6 / (channels + 10))  # Keras' initializer
    nn.init.uniform_(head.weight, -bound, bound, generator=torch.Generator().manual_seed(seed))
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), head).to(memory_format=torch.channels_last)


def logits(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return model(x.to(torch.float32, memory_format=torch.channels_last) / 255) / 9


class Muon(torch.optim.Optimizer):
    """Muon for kernels, as matrices of filters x inputs, which five Newton-Schulz steps orthogonalize."""

    def __init__(self, parameters: list[nn.Parameter], lr: float, momentum: float, decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self) -> None:
        (group,) = self.param_groups
        for p in group["params"]:
            buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
            buffer.mul_(group["momentum"]).add_(p.grad)
            x = p.grad.add(buffer, alpha=group["momentum"]).flatten(1)
            x = x / (x.norm() + 1e-7)
            tall = x.shape[0] > x.shape[1]
            x = x.T if tall else x
            for _ in range(5):
                a = x @ x.T
                x = torch.addmm(x, torch.addmm(a, a, a, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
            x = x.T if tall else x
            p.mul_(1 - group["lr"] * group["decay"])
            p.add_(x.reshape(p.shape), alpha=-group["lr"] * 0.2 * max(x.shape) ** 0.5)


def shifted(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Images (n, 3, 32, 32), each shifted by up to two pixels. The pixels beyond the border are mirrored."""
    size, shift = images.shape[-1], recipe.SHIFT
    around = torch.cat([torch.arange(shift).flip(0), torch.arange(size), size - 1 - torch.arange(shift)])
    padded = images[:, :, around][:, :, :, around]
    result = torch.empty_like(images)
    moves = torch.randint(0, 2 * shift + 1, (len(images), 2), generator=generator)
    for down in range(2 * shift + 1):
        for right in range(2 * shift + 1):
            chosen = (moves[:, 0] == down) & (moves[:, 1] == right)
            result[chosen] = padded[chosen, :, down : down + size, right : right + size]
    return result


def train(model: nn.Sequential, x: np.ndarray, y: np.ndarray, epochs: int, seed: int) -> None:
    kernels = [m.weight for m in model[1:] if isinstance(m, nn.Conv2d)]
    others = [p for m in model if isinstance(m, (nn.BatchNorm2d, nn.Linear)) for p in m.parameters() if p.requires_grad]
    optimizers = [
        Muon(kernels, recipe.RATE, recipe.MOMENTUM, recipe.DECAY),
        torch.optim.AdamW(others, recipe.RATE, eps=1e-7, weight_decay=recipe.DECAY, fused=True),
    ]
    steps = epochs * -(-len(x) // recipe.BATCH)
    schedule = {"total_steps": steps, "pct_start": recipe.RISE, "cycle_momentum": False}
    rates = [torch.optim.lr_scheduler.OneCycleLR(each, recipe.RATE, **schedule) for each in optimizers]
    loss = nn.CrossEntropyLoss(label_smoothing=recipe.SMOOTHING)
    generator = torch.Generator().manual_seed(seed)
    images = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    labels = torch.from_numpy(y.ravel().astype(np.int64))
    mirrored = torch.from_numpy(np.random.default_rng(seed).random(len(x)) < 0.5)
    images[mirrored] = images[mirrored].flip(3)
    model.train()
    for _ in range(epochs):
        changed = shifted(images, generator)
        for rows in torch.randperm(len(images), generator=generator).split(recipe.BATCH):
            loss(logits(model, changed[rows]), labels[rows]).backward()
            for optimizer, rate in zip(optimizers, rates, strict=True):
                optimizer.step()
                optimizer.zero_grad()
                rate.step()
        images = images.flip(3)


def predictor(model: nn.Module):
    @torch.no_grad()
    def predict(x: np.ndarray) -> np.ndarray:
        images = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
        return torch.cat([logits(model.eval(), part) for part in images.split(500)]).numpy()

    return predict


class Library:
    """One side of the comparison."""

    def __init__(self, name: str) -> None:
        self.name, self.module = name, recipe if name == "cnncore" else sys.modules[__name__]

    def run(self, data, epochs: int, width: int, seed: int, clock) -> tuple[float, float]:
        """Accuracy and the seconds of an epoch."""
        (x, y), (x_test, y_test) = data
        model = self.module.make_model(x, width, seed)
        start = clock()
        self.module.train(model, x, y, epochs, seed)
        seconds = (clock() - start) / epochs
        predict = predictor(model) if self.name == "torch" else lambda images: model.predict(images, verbose=0)
        return float((recipe.predict(predict, x_test).argmax(axis=1) == y_test.ravel()).mean()), seconds


def main(arguments: list[str] | None = None) -> dict[str, tuple[float, float]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="networks to train to the end (%(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=0, help="number of single epochs to measure in turn (%(default)s)"
    )
    parser.add_argument("--epochs", type=int, default=8, help="passes over the images (%(default)s)")
    parser.add_argument("--width", type=int, default=32, help="filters of the first group (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each library (%(default)s)")
    parser.add_argument("--images", type=int, help="number of training images (all)")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: time of the process, for busy machines")
    parser.add_argument("--data-dir", help="directory of CIFAR-10's files ($CNNCORE_DATA_DIR)")
    args = parser.parse_args(arguments)
    if args.clock == "cpu" and args.threads > 1:
        parser.error("--clock cpu: expected --threads 1, because threads that wait take time as well")
    torch.set_num_threads(args.threads)
    cnncore.set_num_threads(args.threads)
    (x, y), test = cifar10.load_data(data_dir=args.data_dir)
    data = (x[: args.images], y[: args.images]), test

    runs = [(seed, args.epochs) for seed in range(args.seeds)] + [(0, 1)] * args.rounds
    results: dict[str, list[tuple[float, float]]] = {"cnncore": [], "torch": []}
    for seed, epochs in runs:
        for name, found in results.items():
            found.append(Library(name).run(data, epochs, args.width, seed, CLOCKS[args.clock]))
            print(f"seed {seed}: {name:<8} {found[-1][0]:.2%}, {found[-1][1]:.2f} s an epoch", flush=True)
    means = {}
    for name, found in results.items():
        accuracy = np.mean([of[0] for of in found[: args.seeds]]) if args.seeds else np.nan
        seconds = np.median([of[1] for of in found])
        means[name] = float(accuracy), float(seconds)
        trained = f"mean accuracy {accuracy:.2%}, " if args.seeds else ""
        print(f"{name:<8} {trained}median {seconds:.2f} s an epoch")
    print(f"PyTorch takes {means['torch'][1] / means['cnncore'][1]:.2f} times as long")
    return means


if __name__ == "__main__":
    main()
