"""PyTorch: the usual eager loop over a tensor in memory. The variants are channels_last and compile.

In bfloat16, ``torch.autocast`` is around the forward pass and the loss; parameters and optimizer stay float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import Peer, run
from layers import Model, Weights
from models import to_channels_first
from torch_network import build, set_weights


class TorchPeer(Peer):
    """Modules in NCHW. Images are views of NHWC arrays, in the memory format of the variant."""

    def __init__(self, model: Model, weights: Weights, threads: int, variant: str, precision: str) -> None:
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.version = torch.__version__
        self.reduced = precision == "bfloat16"
        body = build(torch, model)
        set_weights(torch, body, to_channels_first(model, weights))
        self.loss = torch.nn.functional.cross_entropy if model.loss == "crossentropy" else torch.nn.functional.mse_loss
        self.softmax = model.loss == "crossentropy"
        self.format = torch.channels_last if variant == "channels_last" else torch.contiguous_format
        body = body.to(memory_format=self.format)
        self.optimizer = torch.optim.Adam(body.parameters())
        self.body = torch.compile(body) if variant == "compile" else body

    def _autocast(self) -> Any:
        return self.torch.autocast("cpu", dtype=self.torch.bfloat16, enabled=self.reduced)

    def _images(self, x: np.ndarray) -> Any:
        images = self.torch.from_numpy(x)
        return images.permute(0, 3, 1, 2).contiguous(memory_format=self.format) if images.ndim == 4 else images

    def load(self, x: np.ndarray, y: np.ndarray) -> Any:
        images = self._images(x)
        return images, images if x is y else self.torch.from_numpy(y)

    def train_epoch(self, data: Any, batch: int) -> float:
        torch = self.torch
        x, y = data
        total = 0.0
        self.body.train()
        order = torch.randperm(len(x))
        for start in range(0, len(x), batch):
            index = order[start : start + batch]
            self.optimizer.zero_grad(set_to_none=True)
            with self._autocast():
                loss = self.loss(self.body(x[index]), y[index])
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(index)
        return total / len(x)

    def predict(self, x: np.ndarray) -> np.ndarray:
        if self.body.training:
            self.body.eval()
        with self.torch.inference_mode():
            with self._autocast():
                outputs = self.body(self._images(x))
            outputs = outputs.float()
            return (self.torch.softmax(outputs, dim=1) if self.softmax else outputs).numpy()


if __name__ == "__main__":
    run(TorchPeer)
