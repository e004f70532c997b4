"""An autoencoder of dense layers, which detects sounds of kinds that it was not trained on."""

from __future__ import annotations

from cnncore.layers import BatchNormalization, Dense, Input, ReLU
from cnncore.layers.base import Layer
from cnncore.models import Sequential

__all__ = ["dense_autoencoder"]


def dense_autoencoder(input_size: int = 640, hidden: int = 128, code: int = 8) -> Sequential:
    """The autoencoder for anomaly detection of MLPerf Tiny: 269,992 parameters.

    Four dense layers lead to a code of 8 numbers and four lead back, each with batch normalization and ReLU. The
    network is trained to reproduce its input. It reproduces inputs badly that differ from all it was trained on, so
    that a large error is a sign of an anomaly.

    Parameters
    ----------
    input_size : int, default 640
        The number of features of a sample: 5 frames of a log-mel spectrogram with 128 bands each.
    hidden : int, default 128
        The number of units in each of the eight layers around the code.
    code : int, default 8
        The number of units of the code.

    Returns
    -------
    Sequential
        Input and output (n, 640), unless another size is given. Compile it with the loss "mse".

    Notes
    -----
    Source: MLPerf Tiny (arXiv:2106.07597) and its repository mlcommons/tiny, which requires an area under the ROC curve
    of 0.85 on the toy cars of ToyADMOS. The network is the baseline of DCASE 2020, task 2.

    Examples
    --------
    >>> model = dense_autoencoder()
    >>> model.count_params(), model.output_shape
    (269992, (None, 640))
    """
    layers: list[Layer] = []
    for units in (*[hidden] * 4, code, *[hidden] * 4):
        layers += [Dense(units), BatchNormalization(), ReLU()]
    return Sequential([Input((input_size,)), *layers, Dense(input_size)], name="dense_autoencoder")
