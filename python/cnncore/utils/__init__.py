"""Seeds, label encoding, pictures as arrays, and the base class of data sets that make their batches themselves."""

from .dataset import PyDataset, Sequence
from .image import array_to_img, img_to_array, load_img, save_img
from .image_dataset import image_dataset_from_directory
from .model_plot import plot_model
from .numerical import normalize, to_categorical
from .seeds import set_random_seed

__all__ = [
    "PyDataset",
    "Sequence",
    "array_to_img",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "normalize",
    "plot_model",
    "save_img",
    "set_random_seed",
    "to_categorical",
]
