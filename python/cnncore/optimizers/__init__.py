"""Optimizers, the base class for your own, and learning rate schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncore._keras_names.errors import explain_missing
from cnncore.mixed_precision import LossScaleOptimizer
from cnncore.optimizers import newton, schedules
from cnncore.optimizers.adafactor import Adafactor
from cnncore.optimizers.adagrad import Adadelta, Adagrad
from cnncore.optimizers.adam import Adam, AdamW
from cnncore.optimizers.adam_variants import Adamax, Nadam
from cnncore.optimizers.base import Optimizer, registry
from cnncore.optimizers.ftrl import Ftrl
from cnncore.optimizers.kfac import KFAC
from cnncore.optimizers.lamb import Lamb
from cnncore.optimizers.lbfgs import LBFGS
from cnncore.optimizers.levenberg_marquardt import LevenbergMarquardt
from cnncore.optimizers.lion import Lion
from cnncore.optimizers.lower_case import lower_case
from cnncore.optimizers.muon import Muon
from cnncore.optimizers.newton_cg import NewtonCG
from cnncore.optimizers.rmsprop import RMSprop
from cnncore.optimizers.sgd import SGD
from cnncore.optimizers.soap import SOAP

__all__ = [
    "KFAC",
    "LBFGS",
    "SGD",
    "SOAP",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "LevenbergMarquardt",
    "Lion",
    "LossScaleOptimizer",
    "Muon",
    "Nadam",
    "NewtonCG",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "legacy",
    "newton",
    "schedules",
    "serialize",
]

if not TYPE_CHECKING:
    __getattr__ = explain_missing("optimizers", __all__)


# These classes take the place of the modules of the same names as attributes. The modules can still be imported.
adadelta, adagrad, adamax, adam = lower_case(Adadelta), lower_case(Adagrad), lower_case(Adamax), lower_case(Adam)
nadam, rmsprop, sgd = lower_case(Nadam), lower_case(RMSprop), lower_case(SGD)


def get(identifier: Any) -> Optimizer:
    """An optimizer from an object, a class, a name in any case such as ``"adam"``, or a config.

    Parameters
    ----------
    identifier : Optimizer, type, str or dict
        A class is constructed with its default arguments, and so is a class given by name.

    Returns
    -------
    Optimizer

    Examples
    --------
    >>> get("RMSprop").get_config()["rho"]
    0.9
    """
    return identifier if isinstance(identifier, Optimizer) else registry.get(identifier)


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """``{"class_name", "config"}`` of ``optimizer``."""
    return registry.serialize(optimizer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
    """Inverse of :func:`serialize`.

    Parameters
    ----------
    config : dict
        What :func:`serialize` returned.
    custom_objects : dict, optional
        Your own classes of optimizers and schedules by name.

    Raises
    ------
    ValueError
        If the class is not known or its arguments make no sense.
    """
    return registry.deserialize(config, custom_objects)
