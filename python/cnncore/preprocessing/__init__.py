"""``preprocessing`` of Keras, with the modules :mod:`image <cnncore.preprocessing.image>` and ``sequence``."""

from cnncore.utils.image_dataset import image_dataset_from_directory

from . import image, sequence

__all__ = ["image", "image_dataset_from_directory", "sequence"]
