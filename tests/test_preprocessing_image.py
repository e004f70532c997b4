"""ImageDataGenerator against Keras' own, and its iterators over arrays."""

from __future__ import annotations

import numpy as np
import pytest

import cnncore
from cnncore.preprocessing import image as ours
from cnncore.preprocessing.image import ImageDataGenerator

pytestmark = pytest.mark.filterwarnings("ignore:Please import .affine_transform.:DeprecationWarning")  # in Keras


def images(samples=6, height=12, width=12, channels=3, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (samples, height, width, channels)).astype(dtype)


TRANSFORMS = [
    {"theta": 20},
    {"tx": 2, "ty": -3},
    {"tx": 1.5, "ty": 0.25},
    {"shear": 15},
    {"zx": 0.7, "zy": 1.4},
    {"theta": -50, "tx": 1.2, "ty": -2.4, "shear": 9, "zx": 1.1, "zy": 0.8},
    {"theta": 33, "flip_horizontal": True},
    {"tx": 2.5, "flip_vertical": True, "flip_horizontal": True},
    {"channel_shift_intensity": 40.0},
    {"theta": 12, "channel_shift_intensity": -25.5, "flip_horizontal": True},
    {"brightness": 0.6},
    {"brightness": 1.7, "theta": 5},
]


@pytest.mark.parametrize("parameters", TRANSFORMS)
@pytest.mark.parametrize("fill_mode", ["nearest", "constant", "reflect", "wrap"])
def test_apply_transform_is_keras(keras_image, parameters, fill_mode):
    x = images()[0]
    expected = keras_image.ImageDataGenerator(fill_mode=fill_mode, cval=11).apply_transform(x.copy(), parameters)
    y = ImageDataGenerator(fill_mode=fill_mode, cval=11).apply_transform(x, parameters)
    if "brightness" in parameters:  # cut to whole numbers: a value on the edge may fall to either side
        assert (np.abs(y - expected) > 1e-3).mean() < 0.01
        assert np.abs(y - expected).max() <= 2
    else:
        np.testing.assert_allclose(y, expected, atol=1e-3)


@pytest.mark.parametrize("values", [(0, 255), (-1, 1), (0, 1), (0, 300)])
@pytest.mark.parametrize("factor", [0.4, 1.0, 1.8])
def test_brightness_is_pillows(keras_image, values, factor):
    pytest.importorskip("PIL")
    low, high = values
    x = np.random.default_rng(0).uniform(low, high, (9, 9, 3)).astype(np.float32)
    for scale in (False, True):
        expected = keras_image.apply_brightness_shift(x.copy(), factor, scale)
        y = ours.apply_brightness_shift(x, factor, scale)
        assert (np.abs(y - expected) > (high - low) * 1e-5).mean() < 0.02
        np.testing.assert_allclose(y, expected, atol=(high - low) / 254)


OPTIONS = {
    "rotation_range": 30,
    "shear_range": 10,
    "zoom_range": 0.2,
    "channel_shift_range": 20.0,
    "horizontal_flip": True,
    "vertical_flip": True,
    "rescale": 1 / 255,
}


def test_flow_gives_keras_batches_for_the_same_seed(keras_image):
    x, y = images(samples=10), np.arange(10)
    theirs = keras_image.ImageDataGenerator(**OPTIONS).flow(x, y, batch_size=4, seed=5)
    mine = ImageDataGenerator(**OPTIONS).flow(x, y, batch_size=4, seed=5)
    assert len(mine) == len(theirs) == 3
    for _ in range(7):
        (expected_x, expected_y), (batch_x, batch_y) = next(theirs), next(mine)
        np.testing.assert_array_equal(batch_y, expected_y)
        np.testing.assert_allclose(batch_x, expected_x, atol=1e-4)
        assert batch_x.dtype == np.float32


@pytest.mark.parametrize("shift", [2, 2.5, 0.25, [1, 3]])
def test_shifts_are_drawn_like_keras_and_move_where_they_say(keras_image, shift):
    theirs = keras_image.ImageDataGenerator(width_shift_range=shift, height_shift_range=0.1)
    mine = ImageDataGenerator(width_shift_range=shift, height_shift_range=0.1)
    for seed in range(5):
        expected, received = (g.get_random_transform((12, 12, 3), seed=seed) for g in (theirs, mine))
        assert received.pop("tx") == pytest.approx(expected.pop("ty"))  # Keras exchanges the two
        assert received.pop("ty") == pytest.approx(expected.pop("tx"))
        assert received == expected
    x = np.arange(12, dtype=np.float32).reshape(1, 12, 1)
    moved = ImageDataGenerator(width_shift_range=[3], fill_mode="constant", cval=-1).random_transform(x, seed=1)
    assert sorted((moved == -1).sum(axis=(0, 2)).tolist()) == [0] * 9 + [1] * 3
    one_row = ImageDataGenerator(height_shift_range=[3], fill_mode="nearest").random_transform(x, seed=1)
    np.testing.assert_array_equal(one_row, x)


def test_images_that_are_not_square_turn_about_their_centre():
    x = np.zeros((5, 9, 1), np.float32)
    x[2, 4] = 1
    for parameters in ({"theta": 90}, {"zx": 0.5, "zy": 0.5}, {"theta": 37, "flip_horizontal": True}):
        y = ImageDataGenerator().apply_transform(x, parameters)
        assert np.unravel_index(y.argmax(), y.shape) == (2, 4, 0)


@pytest.mark.parametrize(
    "options",
    [
        {"featurewise_center": True},
        {"featurewise_center": True, "featurewise_std_normalization": True, "rescale": 0.5},
        {"samplewise_center": True, "samplewise_std_normalization": True},
        {"featurewise_center": True, "zca_whitening": True},
        {"preprocessing_function": lambda image: image[::-1] * 2, "rescale": 2.0},
    ],
)
def test_standardize_is_keras(keras_image, options):
    x = images(samples=60, height=4, width=4)
    theirs, mine = keras_image.ImageDataGenerator(**options), ImageDataGenerator(**options)
    theirs.fit(x)
    mine.fit(x)
    batch = mine.standardize(x[:5])
    for n in range(5):
        expected = theirs.standardize(x[n].copy())
        np.testing.assert_allclose(batch[n], expected, rtol=2e-3, atol=2e-3)
        np.testing.assert_allclose(mine.standardize(x[n]), batch[n], rtol=1e-6, atol=1e-6)


def test_zca_makes_pixels_uncorrelated():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(500, 27)) @ rng.normal(size=(27, 27))).reshape(500, 3, 3, 3).astype(np.float32)
    generator = ImageDataGenerator(featurewise_center=True, zca_whitening=True)
    generator.fit(x)
    white = generator.standardize(x).reshape(500, -1)
    np.testing.assert_allclose(white.T @ white / 500, np.eye(27), atol=0.02)


def test_fit_with_changed_images(keras_image):
    x = images()
    theirs = keras_image.ImageDataGenerator(featurewise_center=True, **OPTIONS)
    mine = ImageDataGenerator(featurewise_center=True, **OPTIONS)
    theirs.fit(x, augment=True, rounds=2, seed=3)
    mine.fit(x, augment=True, rounds=2, seed=3)
    np.testing.assert_allclose(mine.mean, theirs.mean, atol=1e-5)


def test_normalization_before_fit_warns():
    with pytest.warns(UserWarning, match=r"featurewise_center=True has no effect before fit"):
        ImageDataGenerator(featurewise_center=True).standardize(images())
    with pytest.warns(UserWarning, match=r"zca_whitening=True sets featurewise_center=True"):
        ImageDataGenerator(zca_whitening=True)


# --- iterators ---------------------------------------------------------------------------------------------------


def test_flow_covers_every_sample_once_an_epoch():
    x, y = images(samples=10), np.arange(10)
    for shuffle in (True, False):
        flow = ImageDataGenerator().flow(x, y, batch_size=4, shuffle=shuffle)
        assert (flow.n, flow.batch_size, len(flow)) == (10, 4, 3)
        for _ in range(2):
            labels = np.concatenate([flow.next()[1] for _ in range(3)])
            assert sorted(labels) == list(range(10))
            assert shuffle or labels.tolist() == list(range(10))
    flow.reset()
    batch, labels = flow[2]
    np.testing.assert_array_equal(batch, x[8:])
    with pytest.raises(IndexError, match="below 3"):
        flow[3]


def test_flow_shuffles_anew_each_epoch_and_repeats_with_a_seed():
    x, y = images(samples=20), np.arange(20)

    def orders(seed):
        flow = ImageDataGenerator().flow(x, y, batch_size=20, seed=seed)
        return [flow.next()[1].tolist() for _ in range(3)]

    first, again = orders(1), orders(1)
    assert first == again
    assert len({tuple(order) for order in first}) == 3
    flow = ImageDataGenerator().flow(x, y, batch_size=20, seed=1)
    before = flow[0][1].tolist()
    flow.on_epoch_end()
    assert flow[0][1].tolist() != before


def test_flow_returns_what_it_was_given():
    x, y, weight = images(), np.arange(6), np.linspace(0, 1, 6)
    generator = ImageDataGenerator()
    assert generator.flow(x, shuffle=False).next().shape == x.shape
    _, _, weights = generator.flow(x, y, sample_weight=weight, shuffle=False).next()
    np.testing.assert_array_equal(weights, weight)
    (batch, other), labels = generator.flow((x, y * 2), y, shuffle=False).next()
    np.testing.assert_array_equal(other, y * 2)
    np.testing.assert_array_equal(labels, y)
    np.testing.assert_array_equal(batch, x)


def test_subsets_split_the_samples():
    x, y = images(samples=10), np.arange(10) % 2
    generator = ImageDataGenerator(validation_split=0.3)
    training = generator.flow(x, y, subset="training", shuffle=False)
    validation = generator.flow(x, y, subset="validation", shuffle=False)
    assert (training.n, validation.n) == (7, 3)
    np.testing.assert_array_equal(validation.next()[0], x[:3])
    with pytest.raises(ValueError, match=r"same classes in both subsets"):
        generator.flow(x, np.arange(10), subset="training")
    generator.flow(x, np.arange(10), subset="training", ignore_class_split=True)
    with pytest.raises(ValueError, match="subset='test'"):
        generator.flow(x, y, subset="test")


def test_batches_are_saved_to_look_at(tmp_path):
    pytest.importorskip("PIL")
    ImageDataGenerator().flow(images(samples=3), save_to_dir=tmp_path, save_prefix="x", save_format="jpg").next()
    assert len(list(tmp_path.glob("x_*.jpg"))) == 3


def test_functions_of_one_image_are_keras(keras_image):
    x = images()[0].transpose(2, 0, 1)
    expected = keras_image.apply_affine_transform(x, theta=30, tx=1.5, zx=0.8, fill_mode="reflect")
    np.testing.assert_allclose(
        ours.apply_affine_transform(x, theta=30, tx=1.5, zx=0.8, fill_mode="reflect"), expected, atol=1e-3
    )
    np.testing.assert_array_equal(ours.apply_channel_shift(x, 20), keras_image.apply_channel_shift(x, 20))
    axes = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
    for function, argument in (
        (ours.random_rotation, 20),
        (ours.random_shear, 20),
        (ours.random_zoom, (0.5, 0.9)),
    ):
        cnncore.utils.set_random_seed(1)
        first = function(images()[0], argument, **axes)
        cnncore.utils.set_random_seed(1)
        np.testing.assert_array_equal(function(images()[0], argument, **axes), first)
        assert not np.array_equal(first, images()[0])
    assert ours.random_shift(images()[0], 0.2, 0.2, **axes).shape == (12, 12, 3)
    assert ours.random_channel_shift(images()[0], 20.0).shape == (12, 12, 3)
    assert ours.random_brightness(images()[0], (0.5, 0.9)).max() <= 255


def test_the_old_module_has_the_same_names():
    from cnncore.legacy.preprocessing import image as legacy

    assert legacy.ImageDataGenerator is ImageDataGenerator
    assert cnncore.preprocessing.image is ours
    assert cnncore.legacy.preprocessing.image is legacy


def test_arguments_and_defaults_are_keras(keras_image):
    import inspect

    for name in ("__init__", "flow", "flow_from_directory", "flow_from_dataframe", "fit", "get_random_transform"):
        theirs = dict(inspect.signature(getattr(keras_image.ImageDataGenerator, name)).parameters)
        theirs.pop("kwargs", None)  # words that Keras itself calls deprecated
        mine = inspect.signature(getattr(ImageDataGenerator, name)).parameters
        assert list(mine) == list(theirs)
        for key in theirs:
            assert mine[key].default == theirs[key].default, key


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fill_mode": "mirror"}, "fill_mode='mirror'"),
        ({"interpolation_order": 3}, "order of interpolation of 0"),
        ({"data_format": "channels_first"}, "channels_last"),
        ({"dtype": "float64"}, "float32"),
        ({"validation_split": 2}, "validation_split"),
        ({"brightness_range": 0.5}, "`brightness_range` to be two numbers"),
        ({"zoom_range": (1, 2, 3)}, "`zoom_range` to be two numbers"),
    ],
)
def test_arguments_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        ImageDataGenerator(**options)


def test_arrays_that_do_not_fit():
    generator = ImageDataGenerator()
    with pytest.raises(ValueError, match="rank 4"):
        generator.flow(images()[..., 0])
    with pytest.raises(ValueError, match="same length"):
        generator.flow(images(), np.arange(5))
    with pytest.raises(ValueError, match="rank 4"):
        generator.fit(images()[0])
