"""``ImageDataGenerator`` and what belongs to it, as in Keras' ``preprocessing.image``. C++ changes whole batches."""

from cnncore.preprocessing.image.dataframe import DataFrameIterator
from cnncore.preprocessing.image.directory import DirectoryIterator
from cnncore.preprocessing.image.generator import ImageDataGenerator
from cnncore.preprocessing.image.iterators import Iterator, NumpyArrayIterator
from cnncore.preprocessing.image.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    flip_axis,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)
from cnncore.utils.image import array_to_img, img_to_array, load_img, save_img, smart_resize

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "flip_axis",
    "img_to_array",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "smart_resize",
]
