"""PyTorch: the usual eager loop (variants: channels_last, compile); the data set is one tensor in memory.

bfloat16 is ``torch.autocast`` around forward pass and loss: parameters and optimizer stay float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import Peer, run
from models import Conv, Model, Pool, Weights, to_channels_first


def _build(nn: Any, model: Model) -> Any:
    """Logits: the softmax is in the loss."""
    activations = {"relu": [nn.ReLU()], "tanh": [nn.Tanh()], "softmax": []}
    modules: list[Any] = []
    for layer, x in model.with_inputs():
        if isinstance(layer, Pool):
            modules.append(nn.MaxPool2d(2) if layer.kind == "max" else nn.AvgPool2d(2))
            continue
        if isinstance(layer, Conv):
            modules.append(nn.Conv2d(x[-1], layer.filters, layer.kernel, padding=layer.padding))
        else:
            modules += [nn.Flatten()] * (len(x) == 3) + [nn.Linear(int(np.prod(x)), layer.units)]
        modules += activations[layer.activation]
    return nn.Sequential(*modules)


class TorchPeer(Peer):
    """NCHW modules; images are given as views of NHWC arrays, in the memory format of the variant."""

    def __init__(self, model: Model, weights: Weights, threads: int, variant: str, precision: str) -> None:
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.version = torch.__version__
        self.reduced = precision == "bfloat16"
        body = _build(torch.nn, model)
        with torch.no_grad():
            for parameter, value in zip(body.parameters(), to_channels_first(model, weights), strict=True):
                parameter.copy_(torch.from_numpy(value))
        self.format = torch.channels_last if variant == "channels_last" else torch.contiguous_format
        body = body.to(memory_format=self.format)
        self.optimizer = torch.optim.Adam(body.parameters())
        self.body = torch.compile(body) if variant == "compile" else body

    def _autocast(self) -> Any:
        return self.torch.autocast("cpu", dtype=self.torch.bfloat16, enabled=self.reduced)

    def _images(self, x: np.ndarray) -> Any:
        return self.torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=self.format)

    def load(self, x: np.ndarray, y: np.ndarray) -> Any:
        return self._images(x), self.torch.from_numpy(y)

    def train_epoch(self, data: Any, batch: int) -> float:
        torch = self.torch
        x, y = data
        total = 0.0
        order = torch.randperm(len(x))
        for start in range(0, len(x), batch):
            index = order[start : start + batch]
            self.optimizer.zero_grad(set_to_none=True)
            with self._autocast():
                loss = torch.nn.functional.cross_entropy(self.body(x[index]), y[index])
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(index)
        return total / len(x)

    def predict(self, x: np.ndarray) -> np.ndarray:
        with self.torch.inference_mode():
            with self._autocast():
                logits = self.body(self._images(x))
            return self.torch.softmax(logits.float(), dim=1).numpy()


if __name__ == "__main__":
    run(TorchPeer)
