"""Pictures in folders and tables: flow_from_directory and flow_from_dataframe."""

from __future__ import annotations

import numpy as np
import pytest

import cnncore
from cnncore.preprocessing import image as ours
from cnncore.preprocessing.image import ImageDataGenerator

pytestmark = pytest.mark.filterwarnings("ignore:Please import .affine_transform.:DeprecationWarning")  # in Keras


@pytest.fixture
def folders(tmp_path):
    pytest.importorskip("PIL")
    for name, value, count in (("cats", 10, 4), ("dogs", 200, 6)):
        (tmp_path / name / "more").mkdir(parents=True)
        for i in range(count):
            where = tmp_path / name / ("more" if i == 0 else "") / f"{i}.png"
            ours.save_img(where, np.full((7, 9, 3), value + i), scale=False)
    (tmp_path / "cats" / "notes.txt").write_text("no picture")
    return tmp_path


def test_flow_from_directory(folders, capsys):
    generator = ImageDataGenerator(rescale=1 / 255, validation_split=0.5)
    flow = generator.flow_from_directory(folders, target_size=(4, 5), batch_size=3, shuffle=False)
    assert capsys.readouterr().out == "Found 10 images belonging to 2 classes.\n"
    assert (flow.samples, flow.n, flow.num_classes, len(flow)) == (10, 10, 2, 4)
    assert flow.class_indices == {"cats": 0, "dogs": 1}
    assert flow.classes.tolist() == flow.labels.tolist() == [0] * 4 + [1] * 6
    assert flow.filenames[0] == "cats/1.png"
    assert flow.image_shape == (4, 5, 3)
    x, y = flow.next()
    assert x.shape == (3, 4, 5, 3)
    np.testing.assert_allclose(x[0], 11 / 255)
    np.testing.assert_array_equal(y, [[1, 0]] * 3)
    for mode, expected in (("binary", [0.0]), ("sparse", [0.0])):
        labels = generator.flow_from_directory(folders, class_mode=mode, batch_size=1, shuffle=False).next()[1]
        assert labels.tolist() == expected
    x, y = generator.flow_from_directory(folders, class_mode="input", target_size=(4, 4)).next()
    np.testing.assert_array_equal(x, y)
    grey = generator.flow_from_directory(folders, class_mode=None, color_mode="grayscale", subset="validation")
    assert grey.samples == 5
    assert grey.next().shape == (5, 256, 256, 1)
    assert generator.flow_from_directory(folders, classes=["dogs"]).class_indices == {"dogs": 0}


def test_flow_from_directory_refuses(folders):
    generator = ImageDataGenerator()
    with pytest.raises(FileNotFoundError):
        generator.flow_from_directory(folders / "nowhere")
    with pytest.raises(FileNotFoundError, match="birds"):
        generator.flow_from_directory(folders, classes=["birds"])
    with pytest.raises(ValueError, match="class_mode"):
        generator.flow_from_directory(folders, class_mode="rows")
    with pytest.raises(ValueError, match="color_mode"):
        generator.flow_from_directory(folders, color_mode="cmyk")


@pytest.fixture
def table(folders):
    names = [f"cats/{i}.png" for i in (1, 2, 3)] + [f"dogs/{i}.png" for i in (1, 2, 3, 4, 5)]
    columns = {
        "filename": names,
        "class": ["cat"] * 3 + ["dog"] * 5,
        "tags": [["cat", "small"]] * 3 + [["dog"]] * 4 + ["dog"],
        "weight": [1.0, 2, 3, 4, 5, 6, 7, 8],
        "age": list(range(8)),
    }
    return folders, columns


MODES = [
    {},
    {"class_mode": "binary", "weight_col": "weight"},
    {"class_mode": "sparse", "classes": ["dog", "cat"]},
    {"class_mode": "sparse", "classes": ["dog"]},
    {"class_mode": "categorical", "y_col": "tags"},
    {"class_mode": "categorical", "y_col": "tags", "classes": ["small", "dog"], "weight_col": "weight"},
    {"class_mode": "raw", "y_col": "age"},
    {"class_mode": "raw", "y_col": ["age", "weight"], "weight_col": "weight"},
    {"class_mode": "multi_output", "y_col": ["age", "weight"]},
    {"class_mode": "input"},
    {"class_mode": None},
    {"subset": "training"},
    {"subset": "validation", "class_mode": "sparse"},
]


@pytest.mark.parametrize("options", MODES)
def test_flow_from_dataframe_gives_keras_batches(keras_image, table, options):
    pandas = pytest.importorskip("pandas")
    folder, columns = table
    frame = pandas.DataFrame(columns)
    settings = {"rescale": 1 / 255, "validation_split": 0.25, "horizontal_flip": True}
    options = {"target_size": (4, 5), "batch_size": 3, "seed": 3, **options}
    theirs = keras_image.ImageDataGenerator(**settings).flow_from_dataframe(frame, str(folder), **options)
    mine = ImageDataGenerator(**settings).flow_from_dataframe(frame, folder, **options)
    assert (mine.samples, mine.filenames) == (theirs.samples, theirs.filenames)
    assert mine.filepaths == theirs.filepaths
    assert getattr(mine, "class_indices", None) == getattr(theirs, "class_indices", None)
    for _ in range(2 * len(mine)):
        flat = [items if isinstance(items, tuple) else (items,) for items in (next(mine), next(theirs))]
        assert len(flat[0]) == len(flat[1])
        for ours_, theirs_ in zip(*flat, strict=True):
            assert isinstance(ours_, list) == isinstance(theirs_, list)
            pairs = zip(ours_, theirs_, strict=True) if isinstance(ours_, list) else [(ours_, theirs_)]
            for a, b in pairs:
                assert a.shape == b.shape
                np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)


def test_flow_from_dataframe_takes_a_dict_and_trains(table, capsys):
    folder, columns = table
    flow = ImageDataGenerator(rescale=1 / 255).flow_from_dataframe(
        columns, folder, target_size=(4, 4), class_mode="sparse", batch_size=4, seed=1
    )
    assert capsys.readouterr().out == "Found 8 validated image filenames belonging to 2 classes.\n"
    assert flow.labels == flow.classes == [0] * 3 + [1] * 5
    layers = cnncore.layers
    model = cnncore.Sequential([layers.Input((4, 4, 3)), layers.Flatten(), layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    losses = model.fit(flow, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_flow_from_dataframe_leaves_out_what_is_no_picture(table):
    folder, columns = table
    columns["filename"][:2] = ["cats/notes.txt", "cats/99.png"]
    with pytest.warns(UserWarning, match=r"2 files of the column 'filename'.*cats/notes\.txt"):
        flow = ImageDataGenerator().flow_from_dataframe(columns, folder)
    assert flow.samples == 6
    trusted = ImageDataGenerator().flow_from_dataframe(columns, folder, validate_filenames=False)
    assert trusted.samples == 8


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"class_mode": "rows"}, ValueError, "class_mode"),
        ({"color_mode": "cmyk"}, ValueError, "color_mode"),
        ({"subset": "test"}, ValueError, "subset"),
        ({"x_col": "file"}, ValueError, "'filename', 'class', 'tags'"),
        ({"x_col": "age"}, TypeError, "text in the column `x_col`"),
        ({"y_col": "age"}, TypeError, "text in the column `y_col`"),
        ({"y_col": ["age"]}, ValueError, "the name of a column"),
        ({"weight_col": "class"}, TypeError, "numbers in the column `weight_col`"),
        ({"class_mode": "multi_output"}, TypeError, "list of columns"),
        ({"class_mode": "binary", "classes": ["dog"]}, ValueError, "two classes"),
        ({"classes": ["bird"]}, ValueError, "at least one picture"),
    ],
)
def test_flow_from_dataframe_refuses(table, options, error, message):
    folder, columns = table
    with pytest.raises(error, match=message):
        ImageDataGenerator().flow_from_dataframe(columns, folder, **options)
