"""What functions of ``ops`` and tapes return has a method ``numpy()``, as scripts for Keras expect of tensors."""

import numpy as np
import pytest

from cnncore import GradientTape, ops, random

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize(
    "result",
    [
        lambda: ops.mean(X),
        lambda: ops.sum(X, axis=0),
        lambda: ops.normalize(X),
        lambda: ops.normalize(X, order=1),
        lambda: ops.softmax(X),
        lambda: ops.relu(-1.0),
        lambda: ops.one_hot([0, 2], 3),
        lambda: ops.split(X, 3, axis=1)[1],
        lambda: ops.top_k(X, 2)[1],
        lambda: ops.image.resize(X[..., None], (4, 4)),
        lambda: random.uniform((2, 3))[0],
    ],
)
def test_results_of_functions_have_a_method_numpy(result):
    array = result()
    assert type(array.numpy()) is np.ndarray
    np.testing.assert_array_equal(array.numpy().shape, array.shape)


def test_steps_along_a_gradient():
    image = random.uniform((2, 3))
    start = image.numpy().copy()
    for _ in range(2):
        with GradientTape() as tape:
            tape.watch(image)
            loss = ops.mean(image * image)
        gradient = tape.gradient(loss, image)
        image -= 3.0 * gradient
    np.testing.assert_allclose(gradient.numpy(), 0, atol=1e-6)
    np.testing.assert_allclose(image[0].numpy(), 0, atol=1e-6)
    assert (image + 1).numpy().shape == start.shape
    with GradientTape() as tape:
        tape.watch(image)
    assert tape.gradient(loss, image, unconnected_gradients="zero").numpy().sum() == 0


def test_they_look_like_other_arrays():
    assert repr(ops.softmax(np.zeros(2))) == "array([0.5, 0.5], dtype=float32)"
    assert f"{ops.mean(X):.2f}" == "2.50"
    assert float(ops.mean(X)) == 2.5
