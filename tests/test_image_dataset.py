"""image_dataset_from_directory: what it finds, splits, reads and shuffles."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest

from cnncore import utils
from cnncore.utils import image_dataset_from_directory

pytest.importorskip("PIL")


@pytest.fixture
def folder(tmp_path):
    for label, (name, count) in enumerate((("apples", 4), ("pears", 6))):
        (tmp_path / name / "inside").mkdir(parents=True)
        for i in range(count):
            where = tmp_path / name / ("inside" if i == 1 else "") / f"{i}.png"
            utils.save_img(where, np.full((8, 10, 3), 100 * label + i), scale=False)
    (tmp_path / "apples" / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def test_batches_of_images_and_labels(folder, capsys):
    data = image_dataset_from_directory(folder, image_size=(4, 5), batch_size=4, shuffle=False)
    assert capsys.readouterr().out == "Found 10 files belonging to 2 classes.\n"
    assert data.class_names == ["apples", "pears"]
    assert len(data) == 3
    assert [os.path.basename(path) for path in data.file_paths[:4]] == ["0.png", "2.png", "3.png", "1.png"]
    batches = list(data)
    x, y = batches[0]
    assert (x.shape, x.dtype, y.dtype) == ((4, 4, 5, 3), np.float32, np.int32)
    assert x[:, 0, 0, 0].tolist() == [0, 2, 3, 1]
    assert np.concatenate([y for _, y in batches]).tolist() == [0] * 4 + [1] * 6
    assert batches[2][0].shape == (2, 4, 5, 3)


def test_shuffling_differs_by_epoch_and_repeats_with_the_seed(folder):
    def epochs():
        data = image_dataset_from_directory(folder, image_size=4, batch_size=4, seed=3, verbose=False)
        return [[value for x, _ in data for value in x[:, 0, 0, 0].tolist()] for _ in range(3)]

    orders = epochs()
    assert orders == epochs()
    assert len({tuple(order) for order in orders}) == 3
    assert all(sorted(order) == [0, 1, 2, 3, 100, 101, 102, 103, 104, 105] for order in orders)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("int", [0, 1]), ("categorical", [[1, 0], [0, 1]]), ("binary", [[0], [1]])],
)
def test_label_modes(folder, mode, expected):
    data = image_dataset_from_directory(folder, label_mode=mode, image_size=4, shuffle=False, verbose=False)
    labels = data[0][1]
    assert [labels[0].tolist(), labels[-1].tolist()] == expected


def test_without_labels_and_with_labels_of_ones_own(folder):
    data = image_dataset_from_directory(folder, labels=None, image_size=4, verbose=False)
    assert data[0].shape == (10, 4, 4, 3)
    data = image_dataset_from_directory(folder, labels=list(range(10)), image_size=4, shuffle=False, verbose=False)
    assert data[0][1].tolist() == list(range(10))
    one = image_dataset_from_directory(folder, batch_size=None, image_size=4, shuffle=False, verbose=False)
    assert one[0][0].shape == (4, 4, 3)
    assert len(one) == 10
    chosen = image_dataset_from_directory(folder, class_names=["pears", "apples"], image_size=4, verbose=False)
    assert chosen.class_names == ["pears", "apples"]


def test_subsets_do_not_overlap(folder, capsys):
    options = {"image_size": 4, "validation_split": 0.3, "seed": 1}
    training = image_dataset_from_directory(folder, subset="training", **options)
    validation = image_dataset_from_directory(folder, subset="validation", **options)
    assert "Using 7 files for training.\n" in capsys.readouterr().out
    assert (len(training.file_paths), len(validation.file_paths)) == (7, 3)
    assert not set(training.file_paths) & set(validation.file_paths)
    both = image_dataset_from_directory(folder, subset="both", **options)
    assert both[0].file_paths == training.file_paths
    assert both[1].file_paths == validation.file_paths


def test_the_split_and_the_pixels_are_keras(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras = pytest.importorskip("keras")
    from keras.src.utils import dataset_utils

    paths, _, names = dataset_utils.index_directory(
        str(folder), "inferred", (".png",), shuffle=True, seed=5, verbose=False
    )
    mine = image_dataset_from_directory(folder, seed=5, image_size=6, verbose=False)
    assert names == mine.class_names
    assert [os.path.basename(p) for p in paths] == [os.path.basename(p) for p in mine.file_paths]
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.float32)
    utils.save_img(folder / "apples" / "0.png", picture, scale=False)
    expected = keras.ops.image.resize(picture, (6, 6)).cpu().numpy()
    x, _ = image_dataset_from_directory(folder, image_size=6, shuffle=False, verbose=False)[0]
    np.testing.assert_allclose(x[0], expected, atol=1e-3)


def test_what_scripts_call_on_tensorflows_data_sets(folder):
    data = image_dataset_from_directory(folder, image_size=4, shuffle=False, verbose=False)
    data = data.map(lambda x, y: (x / 255, y)).cache().prefetch(buffer_size=2)
    first = data[0][0]
    assert first.max() <= 1
    for path in data.file_paths:
        os.remove(path)
    np.testing.assert_array_equal(data[0][0], first)


def test_take_and_skip_one_after_the_other(folder):
    data = image_dataset_from_directory(
        folder, labels=list(range(10)), batch_size=1, image_size=4, shuffle=False, verbose=False
    )

    def labels(part):
        return [int(part[i][1][0]) for i in range(len(part))]

    assert labels(data.skip(2).take(3)) == [2, 3, 4]
    assert labels(data.skip(2).skip(5)) == [7, 8, 9]
    assert labels(data.take(5).skip(3)) == [3, 4]


def test_sizes_and_colours(folder):
    for options in ({"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}, {"interpolation": "nearest"}):
        x, _ = image_dataset_from_directory(folder, image_size=4, verbose=False, **options)[0]
        assert x.shape == (10, 4, 4, 3)
    x, _ = image_dataset_from_directory(folder, image_size=4, color_mode="grayscale", verbose=False)[0]
    assert x.shape == (10, 4, 4, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": "guessed"}, "labels='guessed'"),
        ({"labels": [1, 2]}, "expected 10 labels"),
        ({"labels": [0.5] * 10}, "expected whole numbers as labels"),
        ({"labels": [1, 2] * 5, "label_mode": "categorical"}, "labels from 0 to 1.*Received: labels from 1 to 2"),
        ({"labels": [3, 7] * 5, "label_mode": "binary"}, "labels from 0 to 1.*Received: labels from 3 to 7"),
        ({"label_mode": "float"}, "label_mode"),
        ({"labels": None, "class_names": ["apples"]}, "class_names"),
        ({"class_names": ["plums"]}, r"among the folders \['apples', 'pears'\]"),
        ({"color_mode": "cmyk"}, "color_mode"),
        ({"interpolation": "cubic"}, '"bilinear", "nearest", "bicubic"'),
        ({"validation_split": 0.2}, "together"),
        ({"validation_split": 2, "subset": "training"}, "between 0 and 1"),
        ({"validation_split": 0.2, "subset": "test"}, "subset"),
        ({"validation_split": 0.2, "subset": "training"}, "seed"),
        ({"validation_split": 0.05, "subset": "validation", "seed": 1}, "for the validation subset"),
        ({"batch_size": 0}, "batch_size"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "Received: both"),
        ({"label_mode": "binary", "class_names": ["apples"]}, "two classes"),
    ],
)
def test_arguments_that_make_no_sense(folder, options, message):
    with pytest.raises(ValueError, match=message):
        image_dataset_from_directory(folder, **options)


def test_a_missing_or_empty_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        image_dataset_from_directory(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="expected pictures"):
        image_dataset_from_directory(tmp_path)
