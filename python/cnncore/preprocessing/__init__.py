"""``preprocessing`` of Keras, with the modules :mod:`image <cnncore.preprocessing.image>` and ``sequence``."""

from cnncore.preprocessing import image, sequence
from cnncore.utils.image_dataset import image_dataset_from_directory

__all__ = ["image", "image_dataset_from_directory", "sequence"]
