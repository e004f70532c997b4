"""cnncore, as a user runs it: ``Sequential.fit`` and ``predict_on_batch``."""

from __future__ import annotations

from common import run
from keras_like import KerasLikePeer
from models import Model, Weights


class CnncorePeer(KerasLikePeer):
    """The public Python API."""

    def __init__(self, model: Model, weights: Weights, threads: int, variant: str, precision: str) -> None:
        import cnncore
        from cnncore import Sequential, layers

        cnncore.set_num_threads(threads)
        self.version = cnncore.__version__
        self.build(Sequential, layers, model, weights, precision=precision)


if __name__ == "__main__":
    run(CnncorePeer)
