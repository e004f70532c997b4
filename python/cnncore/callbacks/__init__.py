"""Callbacks: hooks into ``fit``."""

from cnncore.callbacks.base import Callback, CallbackList, History, LambdaCallback
from cnncore.callbacks.monitor import EarlyStopping, ModelCheckpoint
from cnncore.callbacks.progress import ProgressBar
from cnncore.callbacks.tools import CSVLogger, LearningRateScheduler

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgressBar",
]
