"""cnncore through its public Python API: ``Model.fit`` and ``predict_on_batch``."""

from __future__ import annotations

from common import run
from keras_like import KerasLikePeer
from layers import Model, Weights


class CnncorePeer(KerasLikePeer):
    """cnncore with the methods that it shares with Keras."""

    def __init__(self, model: Model, weights: Weights, threads: int, variant: str, precision: str) -> None:
        import cnncore

        cnncore.set_num_threads(threads)
        self.version = cnncore.__version__
        self.build(cnncore, model, weights, precision=precision)


if __name__ == "__main__":
    run(CnncorePeer)
