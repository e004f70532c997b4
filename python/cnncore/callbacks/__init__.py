"""Callbacks: hooks into ``fit``, ``evaluate`` and ``predict``."""

from typing import TYPE_CHECKING

from cnncore._keras_names.errors import explain_missing
from cnncore.callbacks.backup import BackupAndRestore
from cnncore.callbacks.base import Callback
from cnncore.callbacks.callback_list import CallbackList
from cnncore.callbacks.checkpoint import ModelCheckpoint
from cnncore.callbacks.early_stopping import EarlyStopping
from cnncore.callbacks.ema import SwapEMAWeights
from cnncore.callbacks.history import History
from cnncore.callbacks.lambda_callback import LambdaCallback
from cnncore.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from cnncore.callbacks.logs import CSVLogger, TerminateOnNaN
from cnncore.callbacks.progress import ProgbarLogger, ProgressBar
from cnncore.callbacks.tensorboard import TensorBoard

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ProgressBar",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]

if not TYPE_CHECKING:
    __getattr__ = explain_missing("callbacks", __all__)
