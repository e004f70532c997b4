"""The augmentation layers: what they draw, calls on arrays, labels, configs."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from cnncore import _core, ops
from cnncore.layers import augmentation as layers
from cnncore.layers.augmentation import Augmentation
from cnncore.layers.base import registry

RANDOM = {
    "RandomFlip": lambda **o: layers.RandomFlip(**o),
    "RandomTranslation": lambda **o: layers.RandomTranslation(0.2, 0.3, **o),
    "RandomRotation": lambda **o: layers.RandomRotation(0.1, **o),
    "RandomZoom": lambda **o: layers.RandomZoom(0.3, 0.2, **o),
    "RandomContrast": lambda **o: layers.RandomContrast(0.5, **o),
    "RandomBrightness": lambda **o: layers.RandomBrightness(0.3, **o),
    "RandomErasing": lambda **o: layers.RandomErasing(**o),
    "RandomHue": lambda **o: layers.RandomHue(0.5, **o),
    "RandomSaturation": lambda **o: layers.RandomSaturation(0.9, **o),
    "RandomInvert": lambda **o: layers.RandomInvert(**o),
    "RandomPosterization": lambda **o: layers.RandomPosterization((1, 7), **o),
    "Solarization": lambda **o: layers.Solarization(0.3, 0.7, **o),
    "RandomGrayscale": lambda **o: layers.RandomGrayscale(**o),
    "RandomColorJitter": lambda **o: layers.RandomColorJitter((0, 255), 0.2, 0.3, (0.3, 0.7), 0.2, **o),
    "RandomShear": lambda **o: layers.RandomShear(0.3, 0.2, **o),
    "RandomSharpness": lambda **o: layers.RandomSharpness(1.0, **o),
    "RandomColorDegeneration": lambda **o: layers.RandomColorDegeneration(0.9, **o),
    "RandomGaussianBlur": lambda **o: layers.RandomGaussianBlur(kernel_size=(3, 5), sigma=(0.3, 0.9), **o),
    "RandAugment": lambda **o: layers.RandAugment(num_ops=3, **o),
    "MixUp": lambda **o: layers.MixUp(0.5, **o),
    "CutMix": lambda **o: layers.CutMix(**o),
}


def images(samples=6, height=8, width=10, channels=3, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (samples, height, width, channels)).astype(dtype)


# --- what all of them do -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_every_layer_changes_images_reproducibly(name, dtype):
    x = images(samples=64, dtype=dtype)
    before = x.copy()
    layer, same, other = (RANDOM[name](seed=seed) for seed in (1, 1, 2))
    y = layer.augment(x, seed=3, step=4)
    np.testing.assert_array_equal(x, before)
    assert (y.shape, y.dtype) == (x.shape, dtype)
    assert not np.array_equal(y, x)
    np.testing.assert_array_equal(same.augment(x, seed=3, step=4), y)
    for changed in (layer.augment(x, 3, 5), layer.augment(x, 4, 4), other.augment(x, 3, 4)):
        assert not np.array_equal(changed, y)
    if name not in ("MixUp", "CutMix"):  # an image's fate depends on its place alone, not on the others
        np.testing.assert_array_equal(layer.augment(x[:5], 3, 4), y[:5])


@pytest.mark.parametrize("name", RANDOM)
def test_the_same_bits_at_any_number_of_threads(name):
    x = images(samples=130, height=32, width=32)
    before = _core.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            _core.set_num_threads(threads)
            results.append(RANDOM[name](seed=1).augment(x, 1, 2).tobytes())
    finally:
        _core.set_num_threads(before)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("name", RANDOM)
def test_calls_on_arrays_mean_training_unless_they_say_otherwise(name):
    x = images(samples=32)
    layer = RANDOM[name](seed=5)
    first, second = layer(x), layer(x)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first.numpy(), first)
    np.testing.assert_array_equal(layer(x, training=False), x)
    if name not in ("MixUp", "CutMix"):
        assert layer(x[0]).shape == x[0].shape


@pytest.mark.parametrize("name", RANDOM)
def test_configs_make_equal_layers(name):
    layer = RANDOM[name](seed=7, name="change")
    again = registry.deserialize(registry.serialize(layer))
    assert again.get_config() == layer.get_config()
    x = images(samples=16)
    np.testing.assert_array_equal(again.augment(x, 1, 2), layer.augment(x, 1, 2))


def test_layers_without_a_seed_differ():
    x = images(samples=32)
    assert not np.array_equal(layers.RandomFlip().augment(x), layers.RandomFlip().augment(x))


def test_other_dtypes_become_float32_and_ranks_are_checked():
    layer = layers.RandomFlip(seed=0)
    assert layer(images().astype(np.float64)).dtype == np.float32
    assert layer(images().tolist()).dtype == np.float32
    with pytest.raises(ValueError, match=r"\[RandomFlip\] expected images .* Received: shape \(8, 10\)"):
        layer(images()[0, ..., 0])
    with pytest.raises(ValueError, match=r"channels_last"):
        layers.RandomFlip(data_format="channels_first")
    with pytest.raises(ValueError, match=r'"images" and "labels". Received: \[\'x\'\]'):
        layer({"x": images()})


# --- geometry: against NumPy -------------------------------------------------------------------------------------


def test_flips_mirror_half_of_the_images():
    x = images(samples=2000, height=2, width=2, channels=1)
    for mode, axes in (("horizontal", [2]), ("vertical", [1]), ("horizontal_and_vertical", [1, 2])):
        y = layers.RandomFlip(mode, seed=1).augment(x)
        for axis in axes:
            flipped = np.flip(x, axis)
            if mode != "horizontal_and_vertical":
                share = (y == flipped).all(axis=(1, 2, 3)).mean()
                assert 0.45 < share < 0.57
        candidates = [x, np.flip(x, 1), np.flip(x, 2), np.flip(x, (1, 2))]
        found = np.array([(y == c).all(axis=(1, 2, 3)) for c in candidates])
        assert found.any(axis=0).all()
        if mode == "horizontal_and_vertical":  # each axis by itself: all four are equally frequent
            assert (found.mean(axis=1) > 0.2).all()


def test_translation_moves_by_whole_pixels_with_nearest():
    x = images(samples=500, height=8, width=8, dtype=np.float32) + 1
    y = layers.RandomTranslation(0.25, 0.25, fill_mode="constant", interpolation="nearest", seed=1).augment(x)
    seen = set()
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    for n in range(len(x)):
        found = [
            (dy, dx)
            for dy in range(-2, 3)
            for dx in range(-2, 3)
            if np.array_equal(y[n], padded[n, 2 - dy : 10 - dy, 2 - dx : 10 - dx])
        ]
        assert found
        seen.add(found[0])
    assert len(seen) == 25


def test_hue_saturation_and_value():
    colours = images(samples=2, dtype=np.float32) / 255
    expected = [colorsys.rgb_to_hsv(*map(float, colour)) for colour in colours.reshape(-1, 3)]
    hsv = ops.image.rgb_to_hsv(colours)
    np.testing.assert_allclose(hsv.reshape(-1, 3), expected, atol=1e-5)
    np.testing.assert_allclose(ops.image.hsv_to_rgb(hsv), colours, atol=1e-5)
    with pytest.raises(ValueError, match="expected images with 3 channels"):
        layers.RandomHue(0.5)(images(channels=1))


# --- colour, boxes, labels ---------------------------------------------------------------------------------------


def test_contrast_and_brightness_draw_from_their_range():
    x = np.tile(np.float32([0, 100]).reshape(1, 1, 2, 1), (2000, 1, 1, 1))
    y = layers.RandomContrast(0.4, seed=0).augment(x)
    spread = (y[:, 0, 1, 0] - y[:, 0, 0, 0]) / 100
    assert 0.6 <= spread.min() < 0.61  # clipped below 0 makes the darker pixel brighter, so only below 1 this is exact
    y = layers.RandomBrightness(0.2, value_range=(0, 1000), seed=0).augment(x + 500)
    delta = y[:, 0, 0, 0] - 500
    assert -200 <= delta.min() < -198
    assert 198 < delta.max() <= 200
    assert abs(delta.mean()) < 10


def test_erased_boxes_have_the_promised_sizes_and_frequency():
    x = np.full((4000, 20, 30, 1), 7, np.uint8)
    y = layers.RandomErasing(scale=(0.04, 0.16), fill_value=1, seed=0).augment(x)
    erased = (y == 1).sum(axis=(1, 2, 3))
    assert 0.45 < (erased > 0).mean() < 0.55  # the probability is drawn from (0, 1)
    boxes = y[erased > 0][..., 0] == 1
    heights, widths = boxes.any(axis=2).sum(axis=1), boxes.any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(heights * widths, boxes.sum(axis=(1, 2)))
    assert (heights.min(), heights.max()) == (4, 8)
    assert (widths.min(), widths.max()) == (6, 12)
    noisy = layers.RandomErasing((1, 1), seed=0).augment(x)
    assert noisy.std(axis=(1, 2, 3)).min() > 0
    coloured = layers.RandomErasing((1, 1), fill_value=(1, 2, 3), seed=0).augment(np.full((4, 9, 9, 3), 7, np.uint8))
    assert {tuple(pixel) for pixel in coloured.reshape(-1, 3).tolist()} == {(7, 7, 7), (1, 2, 3)}
    with pytest.raises(ValueError, match=r"one for each of 1 channels"):
        layers.RandomErasing(fill_value=(1, 2, 3)).augment(x)


def test_mixup_mixes_labels_like_images():
    n = 50
    x = np.arange(n, dtype=np.float32).reshape(n, 1, 1, 1) * np.ones((1, 4, 4, 2), np.float32)
    labels = np.eye(n, dtype=np.float32)
    layer = layers.MixUp(alpha=1.0, seed=3)
    y, mixed = layer.augment(x, 1, 2), layer.augment_labels(labels, x, 1, 2)
    np.testing.assert_allclose(mixed.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(mixed @ np.arange(n), y[:, 0, 0, 0], rtol=1e-5)
    result = layers.MixUp(alpha=1.0, seed=3)({"images": x, "labels": labels})
    np.testing.assert_allclose(result["labels"] @ np.arange(n), result["images"][:, 0, 0, 0], rtol=1e-5)
    unchanged = layer({"images": x, "labels": labels}, training=False)
    np.testing.assert_array_equal(unchanged["labels"], labels)


def test_cutmix_mixes_labels_by_area():
    n = 50
    x = np.arange(n, dtype=np.float32).reshape(n, 1, 1, 1) * np.ones((1, 8, 6, 2), np.float32)
    layer = layers.CutMix(seed=3)
    y, mixed = layer.augment(x, 1, 2), layer.augment_labels(np.eye(n), x, 1, 2)
    np.testing.assert_allclose(mixed @ np.arange(n), y.mean(axis=(1, 2, 3)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", [layers.MixUp(), layers.CutMix()])
def test_labels_that_cannot_be_mixed_are_refused(layer):
    for labels in (np.arange(6), np.arange(6).reshape(6, 1), np.zeros((5, 3))):
        with pytest.raises(ValueError, match=r"expected one-hot labels of shape \(6, classes\).*to_categorical"):
            layer.augment_labels(labels, images(), 0, 0)


# --- several layers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["RandomTranslation", "RandomRotation", "RandomZoom"])
@pytest.mark.parametrize("fill_mode", ["reflect", "wrap", "constant", "nearest"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_a_batch_by_several_layers_is_one_after_another(name, fill_mode, interpolation):
    x, y = images(samples=40, dtype=np.float32), np.arange(40)
    move = RANDOM[name](seed=1, fill_mode=fill_mode, interpolation=interpolation, fill_value=7.0)
    chain = [layers.RandomFlip(seed=2), move, layers.RandomContrast(0.3, seed=3), layers.RandomFlip(seed=4)]
    expected = x
    for layer in chain:
        expected = layer.augment(expected, 5, 6)
    received, labels = layers.augment_batch(chain, x, y, seed=5, step=6)
    assert labels is y
    if interpolation == "nearest" and name != "RandomTranslation":  # rounding decides at halves
        assert (np.abs(received - expected) < 1e-2).mean() > 0.99
    else:
        np.testing.assert_allclose(received, expected, atol=1e-2)


def test_labels_pass_through_the_layers_that_mix():
    n = 30
    x = np.arange(n, dtype=np.float32).reshape(n, 1, 1, 1) * np.ones((1, 4, 4, 1), np.float32)
    chain = [layers.RandomFlip(seed=1), layers.MixUp(1.0, seed=2), layers.CutMix(seed=3)]
    received, labels = layers.augment_batch(chain, x, np.eye(n), seed=1, step=2)
    np.testing.assert_allclose(labels @ np.arange(n), received.mean(axis=(1, 2, 3)), rtol=1e-4, atol=1e-4)


# --- sizes -------------------------------------------------------------------------------------------------------


def test_random_crop_cuts_anywhere_in_training_and_the_middle_otherwise():
    x = images(samples=400, height=6, width=7)
    y = layers.RandomCrop(4, 4, seed=1)(x, training=True)
    seen = set()
    for n in range(len(x)):
        places = [(i, j) for i in range(3) for j in range(4) if np.array_equal(y[n], x[n, i : i + 4, j : j + 4])]
        assert places
        seen.add(places[0])
    assert len(seen) == 12
    assert layers.RandomCrop(3, 3)(x, training=False).shape == (400, 3, 3, 3)
    assert layers.RandomCrop(9, 9)(x, training=True).shape == (400, 9, 9, 3)


def test_shapes_of_symbolic_calls():
    assert layers.RandomCrop(3, 4).compute_output_shape((None, 8, 8, 1)) == (None, 3, 4, 1)
    assert layers.RandomFlip().compute_output_shape((None, 8, 8, 1)) == (None, 8, 8, 1)
    with pytest.raises(ValueError, match="rank 4"):
        layers.RandomFlip().compute_output_shape((None, 8))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RandomFlip("sideways"), "mode='sideways'"),
        (lambda: layers.RandomTranslation(1.5, 0), r"`height_factor` in \[-1, 1\]. Received: 1.5"),
        (lambda: layers.RandomTranslation((0, 0, 0), 0), "two of them"),
        (lambda: layers.RandomRotation(0.1, fill_mode="mirror"), "fill_mode='mirror'"),
        (lambda: layers.RandomRotation(0.1, interpolation="cubic"), "interpolation='cubic'"),
        (lambda: layers.RandomZoom((-1, 0)), "above -1"),
        (lambda: layers.RandomContrast(-0.1, value_range=3), "value_range"),
        (lambda: layers.RandomErasing(scale=2), r"`scale` in \[0, 1\]"),
        (lambda: layers.MixUp(0), "`alpha` above 0"),
        (lambda: layers.CutMix(2), "factor"),
        (lambda: layers.Resizing(2, 2, interpolation="cubic"), "bicubic"),
        (lambda: layers.Resizing(2, 2, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "Received: both"),
        (lambda: layers.Resizing(0, 2), "`height` >= 1"),
        (lambda: layers.RandomCrop(2, 2, seed=-1), "seed"),
    ],
)
def test_arguments_that_make_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_new_layer_needs_one_method():
    class Negative(Augmentation):
        def transform(self, images, u, generator):
            return 255 - images

    np.testing.assert_array_equal(Negative()(images()), 255 - images())


class TestRandAugment:
    def test_without_strength_about_half_of_the_layers_change_nothing(self):
        """With factor 0, these are the ones that move pixels, and RandomBrightness, RandomContrast and
        RandomColorDegeneration: six of eleven.
        """
        x = images(samples=400)
        layer = layers.RandAugment(num_ops=1, factor=0.0, seed=1)
        same = np.all(layer(x) == x, axis=(1, 2, 3))
        assert np.mean(same) == pytest.approx(6 / 11, abs=0.1)

    def test_every_layer_is_drawn(self):
        layer = layers.RandAugment(num_ops=1, factor=(0.4, 0.5), seed=2)
        x = images(samples=1)
        found = layer(np.repeat(x, 300, axis=0))
        for change in layer._changes:
            if type(change).__name__ in ("AutoContrast", "Equalization"):
                assert any(np.array_equal(image, change(x)[0]) for image in found)
        assert len(np.unique(found.reshape(300, -1), axis=0)) > 100

    def test_config_and_arguments(self):
        layer = layers.RandAugment((0, 1), 3, (0.1, 0.4), "nearest", 5)
        again = layers.RandAugment.from_config(layer.get_config())
        x = images(dtype=np.float32) / 255
        np.testing.assert_array_equal(again.augment(x, 1, 2), layer.augment(x, 1, 2))
        assert np.all((layer(x) >= 0) & (layer(x) <= 1))
        np.testing.assert_array_equal(layer(x, training=False), x)
        with pytest.raises(ValueError, match="`factor`"):
            layers.RandAugment(factor=2.0)
        with pytest.raises(ValueError, match="`num_ops`"):
            layers.RandAugment(num_ops=0)


@pytest.mark.parametrize("name", RANDOM)
def test_every_seed_that_is_drawn_can_be_used(name, monkeypatch):
    """A layer without a seed draws one of 32 bits."""
    for drawn in (0, 2**31 - 1, 2**31, 2**32 - 1):
        monkeypatch.setattr("cnncore.layers.augmentation.base.next_seed", lambda drawn=drawn: drawn)
        x = images()
        data = {"images": x, "labels": np.eye(6, dtype=np.float32)} if name in ("MixUp", "CutMix") else x
        changed = RANDOM[name]()(data, training=True)
        assert np.shape(changed["images"] if isinstance(changed, dict) else changed) == x.shape
