"""The weights of layers.

``spec`` describes a weight, ``variable`` is the object by which users read and write it, and ``array_like`` makes it
behave like an array. ``owner`` is the part of a layer that holds weights, and ``building`` the part that learns their
shapes from the shape of the first input. ``settings`` notices changes of a layer that need new networks.
"""

from cnncore.layers.weights.building import Buildable
from cnncore.layers.weights.owner import WeightOwner, building_once
from cnncore.layers.weights.settings import settings_version, structure_changed, structure_version
from cnncore.layers.weights.spec import Values, WeightSpec
from cnncore.layers.weights.variable import Variable, write_together, write_weights

__all__ = [
    "Buildable",
    "Values",
    "Variable",
    "WeightOwner",
    "WeightSpec",
    "building_once",
    "settings_version",
    "structure_changed",
    "structure_version",
    "write_together",
    "write_weights",
]
