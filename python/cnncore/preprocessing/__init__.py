"""``preprocessing`` of Keras. It has one module, :mod:`cnncore.preprocessing.image`."""

from cnncore.utils.image_dataset import image_dataset_from_directory

from . import image

__all__ = ["image", "image_dataset_from_directory"]
