"""PyTorch: the usual eager loop (variants: channels_last, compile); the data set is one tensor in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from common import Peer, Weights, run


class TorchPeer(Peer):
    """NCHW modules; images have one channel, so (n, 28, 28, 1) and (n, 1, 28, 28) are the same memory."""

    def __init__(self, weights: Weights, threads: int, variant: str) -> None:
        import torch
        from torch import nn

        torch.set_num_threads(threads)
        self.torch = torch
        self.version = torch.__version__
        body = nn.Sequential(
            nn.Conv2d(1, 32, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(1600, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        )
        k1, b1, k2, b2, k3, b3, k4, b4 = weights
        k3 = k3.reshape(5, 5, 64, 128).transpose(3, 2, 0, 1).reshape(128, 1600)  # its Flatten runs over c, y, x
        own = [k1.transpose(3, 2, 0, 1), b1, k2.transpose(3, 2, 0, 1), b2, k3, b3, k4.T, b4]
        with torch.no_grad():
            for parameter, value in zip(body.parameters(), own, strict=True):
                parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))
        self.format = torch.channels_last if variant == "channels_last" else torch.contiguous_format
        body = body.to(memory_format=self.format)
        self.optimizer = torch.optim.Adam(body.parameters())
        self.body = torch.compile(body) if variant == "compile" else body

    def _images(self, x: np.ndarray) -> Any:
        return self.torch.from_numpy(x).view(-1, 1, 28, 28).to(memory_format=self.format)

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
            loss = torch.nn.functional.cross_entropy(self.body(x[index]), y[index])
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(index)
        return total / len(x)

    def predict(self, x: np.ndarray) -> np.ndarray:
        with self.torch.inference_mode():
            return self.torch.softmax(self.body(self._images(x)), dim=1).numpy()


if __name__ == "__main__":
    run(TorchPeer)
