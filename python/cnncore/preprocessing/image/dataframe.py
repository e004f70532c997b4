"""Batches of randomly changed images from a table of files and labels."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cnncore.preprocessing.image.files import ENDINGS, FilesIterator

__all__ = ["DataFrameIterator"]

_OWNER = "flow_from_dataframe"
_OF_CLASSES = ("categorical", "binary", "sparse")
_CLASS_MODES = (*_OF_CLASSES, "input", "multi_output", "raw", None)


class DataFrameIterator(FilesIterator):
    """Batches of randomly changed images from a table. Each row names a picture and its label. Needs Pillow.

    Parameters
    ----------
    dataframe : pandas.DataFrame, or dict of sequences
        The columns, all of the same length.
    directory : path, optional
        The directory to which the names of files are relative. By default it is the current one.
    image_data_generator : ImageDataGenerator
        The generator that changes and normalizes the images.
    x_col : str, default "filename"
        The column with the names of the files.
    y_col : str or list of str, default "class"
        The column of the labels. For the modes "raw" and "multi_output" there may be several columns.
    weight_col : str, optional
        A column with the weights of the samples, which are numbers.
    target_size : (height, width), default (256, 256)
        The size to which all pictures are resized.
    color_mode : {"rgb", "rgba", "grayscale"}, default "rgb"
    classes : sequence of str, optional
        The classes in their order; rows of other classes are left out. By default all classes that occur, in
        alphabetical order.
    class_mode : {"categorical", "binary", "sparse", "input", "multi_output", "raw", None}, default "categorical"
        What the labels are. "categorical": one-hot rows, with several ones if a label is a list of classes. "binary"
        and "sparse": the numbers of the classes. "raw": the values of the column. "multi_output": a list of arrays, one
        for each column of ``y_col``. "input": the images themselves. None: there are no labels.
    batch_size : int, default 32
    shuffle : bool, default True
        Whether each epoch has another order.
    seed : int, optional
        The seed of the order and of all changes.
    data_format : {"channels_last"}, optional
    dtype : {"float32"}, optional
    save_to_dir, save_prefix, save_format : optional
        A directory into which the images of each batch are written, the beginning of their names, and their format.
    subset : {"training", "validation"}, optional
        Which part of the rows to use. The generator's ``validation_split`` is the share of the validation part, which
        comes first.
    interpolation : str, default "nearest"
        How pictures are resized, see ``load_img``.
    keep_aspect_ratio : bool, default False
        Whether to cut pictures to the proportions of ``target_size`` instead of distorting them.
    validate_filenames : bool, default True
        Whether to leave out rows whose file is missing or not a picture, with a warning. With False, files are not
        checked.

    Attributes
    ----------
    samples, n : int
        The number of pictures.
    class_indices : dict of str to int
        The number of each class, in the modes with classes.
    classes : list
        The number of each picture's class, or a list of numbers.
    filenames, filepaths : list of str
    image_shape : (height, width, channels)

    Raises
    ------
    ValueError
        If the mode or a column is unknown, if there are no pictures, or if there are not two classes in the mode
        "binary".
    TypeError
        If names or labels are not text where text is needed, or weights are not numbers.
    """

    def __init__(
        self,
        dataframe: Any,
        directory: str | os.PathLike[str] | None = None,
        image_data_generator: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = None,
        validate_filenames: bool = True,
    ) -> None:
        if class_mode not in _CLASS_MODES:
            raise ValueError(
                f"[{_OWNER}] expected class_mode categorical, binary, sparse, input, multi_output, raw or None. "
                f"Received: {class_mode!r}"
            )
        self._keep_options(
            _OWNER,
            directory or "",
            image_data_generator,
            target_size,
            color_mode,
            interpolation,
            keep_aspect_ratio,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
        )
        self.class_mode = class_mode
        self._read(dataframe, x_col, y_col, classes, weight_col, validate_filenames)
        kind = "validated" if validate_filenames else "non-validated"
        of_classes = f" belonging to {len(self.class_indices)} classes" if class_mode in _OF_CLASSES else ""
        print(f"Found {self.samples} {kind} image filenames{of_classes}.")
        if not self.samples:
            raise ValueError(f"[{_OWNER}] expected at least one picture. Received: none in the column {x_col!r}")
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _read(
        self,
        dataframe: Any,
        x_col: str,
        y_col: Any,
        classes: Sequence[str] | None,
        weight_col: str | None,
        validate_filenames: bool,
    ) -> None:
        """Take names, labels and weights of the pictures from the columns of a table."""
        class_mode = self.class_mode
        names = _texts(_column(dataframe, x_col), "x_col")
        rows = self._valid(names, x_col) if validate_filenames else list(range(len(names)))
        labels: list[Any] = []
        if class_mode in _OF_CLASSES:
            labels = _labels(_column(dataframe, y_col), str(class_mode))
            rows, self.class_indices = _rows_of_classes(labels, rows, classes)
            self._check_binary()
        rows = rows[self._part(len(rows))]
        self.filenames = [names[row] for row in rows]
        self.samples = len(rows)
        if class_mode in _OF_CLASSES:
            self.classes = [_numbers(labels[row], self.class_indices) for row in rows]
        elif class_mode in ("multi_output", "raw"):
            self._targets = _targets(dataframe, y_col, rows, str(class_mode))
        self.sample_weight = None if weight_col is None else _weights(_column(dataframe, weight_col))[rows]

    def _valid(self, names: Sequence[str], x_col: str) -> list[int]:
        """The rows whose file exists and has the name of a picture."""
        paths = [os.path.join(self.directory, name) for name in names]
        rows = [row for row, path in enumerate(paths) if path.lower().endswith(ENDINGS) and os.path.isfile(path)]
        if len(rows) < len(names):
            missing = next(path for row, path in enumerate(paths) if row not in set(rows))
            warnings.warn(
                f"[{_OWNER}] {len(names) - len(rows)} files of the column {x_col!r} are left out, because they are "
                f"missing or not pictures. The first is {missing}",
                stacklevel=5,
            )
        return rows

    def _check_binary(self) -> None:
        if self.class_mode == "binary" and len(self.class_indices) != 2:
            raise ValueError(
                f'[{_OWNER}] expected two classes for class_mode="binary". Received: {list(self.class_indices)}'
            )

    @property
    def labels(self) -> Any:
        """The numbers of the classes. In the modes "raw" and "multi_output", the values of the columns."""
        return self._targets if self.class_mode in ("multi_output", "raw") else self.classes

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray, random: Any) -> Any:
        batch = self._images(index_array, random)
        if self.class_mode is None:
            return batch
        y: Any
        if self.class_mode == "input":
            y = batch.copy()
        elif self.class_mode == "multi_output":
            y = [target[index_array] for target in self._targets]
        elif self.class_mode == "raw":
            y = self._targets[index_array]
        elif self.class_mode == "categorical":
            y = np.zeros((len(index_array), len(self.class_indices)), np.float32)
            for row, index in enumerate(index_array):
                y[row, self.classes[index]] = 1.0
        else:
            y = np.array([self.classes[index] for index in index_array], np.float32)
        return (batch, y) if self.sample_weight is None else (batch, y, self.sample_weight[index_array])


def _column(table: Any, name: str) -> list[Any]:
    known = [str(column) for column in getattr(table, "columns", table)]
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"[{_OWNER}] expected the name of a column, one of {known}. Received: {name!r}")
    values = table[name]
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _texts(values: list[Any], argument: str) -> list[str]:
    other = next((value for value in values if not isinstance(value, str)), None)
    if other is not None:
        raise TypeError(f"[{_OWNER}] expected text in the column `{argument}`. Received: {other!r}")
    return values


def _labels(values: list[Any], class_mode: str) -> list[Any]:
    """Check that labels are names of classes. In the mode "categorical" they may also be lists of names."""
    if class_mode != "categorical":
        return _texts(values, "y_col")
    for value in values:
        _texts(list(value) if isinstance(value, (list, tuple)) else [value], "y_col")
    return values


def _rows_of_classes(
    labels: list[Any], rows: list[int], classes: Iterable[str] | None
) -> tuple[list[int], dict[str, int]]:
    """The rows whose label has at least one of the classes, and the number of each class."""
    of_row = {row: labels[row] if isinstance(labels[row], (list, tuple)) else [labels[row]] for row in rows}
    names = sorted({name for of in of_row.values() for name in of}) if classes is None else list(dict.fromkeys(classes))
    indices = {name: index for index, name in enumerate(names)}
    return [row for row, of in of_row.items() if any(name in indices for name in of)], indices


def _numbers(label: Any, indices: dict[str, int]) -> Any:
    if isinstance(label, (list, tuple)):
        return [indices[name] for name in label if name in indices]
    return indices[label]


def _targets(table: Any, y_col: Any, rows: list[int], class_mode: str) -> Any:
    """The values of the columns in the given rows: one array, or for "multi_output" one array for each column."""
    if class_mode == "raw":
        columns = [_column(table, name) for name in y_col] if isinstance(y_col, list) else _column(table, y_col)
        return (np.array(columns).T if isinstance(y_col, list) else np.array(columns))[rows]
    if not isinstance(y_col, list):
        raise TypeError(
            f'[{_OWNER}] expected `y_col` to be a list of columns for class_mode="multi_output". Received: {y_col!r}'
        )
    return [np.array(_column(table, name))[rows] for name in y_col]


def _weights(values: list[Any]) -> np.ndarray:
    weights = np.array(values)
    if weights.dtype.kind not in "iuf":
        raise TypeError(f"[{_OWNER}] expected numbers in the column `weight_col`. Received: {values[:3]!r}...")
    return weights
