"""``preprocessing`` of Keras, with :mod:`image <cnncore.preprocessing.image>`, ``sequence`` and ``text``."""

from cnncore.preprocessing import image, sequence, text
from cnncore.utils.image_dataset import image_dataset_from_directory
from cnncore.utils.time_series import timeseries_dataset_from_array

__all__ = ["image", "image_dataset_from_directory", "sequence", "text", "timeseries_dataset_from_array"]
