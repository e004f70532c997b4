"""Helpers: seeds, one-hot labels, pictures as arrays, data sets that make their own batches, and drawings of models."""

from typing import TYPE_CHECKING

from cnncore._keras_names.errors import explain_missing
from cnncore._logging import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from cnncore.utils.arrays import pack_x_y_sample_weight, split_dataset, unpack_x_y_sample_weight
from cnncore.utils.dataset import PyDataset, Sequence
from cnncore.utils.files import get_file
from cnncore.utils.image import array_to_img, img_to_array, load_img, save_img, smart_resize
from cnncore.utils.image_dataset import image_dataset_from_directory
from cnncore.utils.learning_rate import LearningRateCurve, find_learning_rate
from cnncore.utils.model_plot import plot_model
from cnncore.utils.numerical import normalize, standardize_dtype, to_categorical
from cnncore.utils.progbar import Progbar
from cnncore.utils.seeds import set_random_seed
from cnncore.utils.sequences import pad_sequences
from cnncore.utils.session import (
    CustomObjectScope,
    clear_session,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    is_keras_tensor,
    register_keras_serializable,
    serialize_keras_object,
)
from cnncore.utils.time_series import timeseries_dataset_from_array

__all__ = [
    "CustomObjectScope",
    "LearningRateCurve",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "find_learning_rate",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "load_img",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "smart_resize",
    "split_dataset",
    "standardize_dtype",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

if not TYPE_CHECKING:
    __getattr__ = explain_missing("utils", __all__)
