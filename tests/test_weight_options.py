"""Regularizers, constraints, initializers and activations by themselves: values, names, configs, errors; and Keras'."""

import functools
import json

import numpy as np
import pytest

import cnncore
from cnncore import Sequential, activations, backend, constraints, initializers, regularizers, utils
from cnncore._custom_objects import custom_object_scope
from cnncore.layers import builtin as layers
from cnncore.layers.builtin import LeakyReLU

W = np.random.default_rng(0).standard_normal((3, 3, 4, 5)).astype(np.float32)


def keras_module(name):
    pytest.importorskip("torch")
    return getattr(pytest.importorskip("keras"), name)


class TestRegularizers:
    @pytest.mark.parametrize(
        ("regularizer", "expected"),
        [
            (regularizers.L1(0.1), 0.1 * np.abs(W).sum()),
            (regularizers.l2(0.1), 0.1 * np.square(W).sum()),
            (regularizers.L1L2(0.1, 0.2), 0.1 * np.abs(W).sum() + 0.2 * np.square(W).sum()),
            (regularizers.l1_l2(l2=0.2), 0.2 * np.square(W).sum()),
            (regularizers.L1L2(), 0.0),
            (regularizers.get("l1_l2"), 0.01 * np.abs(W).sum() + 0.01 * np.square(W).sum()),
            (regularizers.get(regularizers.L2), 0.01 * np.square(W).sum()),
        ],
    )
    def test_values_and_configs(self, regularizer, expected):
        assert regularizer(W) == pytest.approx(expected, rel=1e-6)
        copy = regularizers.deserialize(json.loads(json.dumps(regularizers.serialize(regularizer))))
        assert (copy.l1, copy.l2, type(copy)) == (regularizer.l1, regularizer.l2, type(regularizer))

    def test_none_stays_none(self):
        assert regularizers.get(None) is None
        assert regularizers.serialize(None) is None
        assert regularizers.deserialize(None) is None

    def test_what_makes_no_sense(self):
        class Own(regularizers.Regularizer):
            def __call__(self, x):
                return 1.0

        assert regularizers.get(Own())(3.0) == 1.0
        assert regularizers.get(Own()).get_config() == {}
        with pytest.raises(ValueError, match=r"\[L2\] expected `l2`.* Received: l2=-1"):
            regularizers.L2(-1)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal_regularizer(mode):
    """It is Keras' number, its gradient is known, and a config describes it."""
    keras = pytest.importorskip("keras")
    kernel = np.random.default_rng(3).standard_normal((5, 3)).astype("float32")
    penalty = regularizers.OrthogonalRegularizer(0.1, mode)
    expected = float(keras.regularizers.OrthogonalRegularizer(0.1, mode)(keras.ops.convert_to_tensor(kernel)))
    assert float(penalty(kernel)) == pytest.approx(expected, rel=1e-5)
    zeros = np.zeros((4, 5), "float32"), np.zeros((4, 3), "float32")
    kernels = []
    for k, own in [(cnncore, penalty), (keras, keras.regularizers.OrthogonalRegularizer(0.1, mode))]:
        model = k.Sequential([k.Input((5,)), k.layers.Dense(3, kernel_regularizer=own)])
        model.set_weights([kernel, np.zeros(3)])
        model.compile(k.optimizers.SGD(5.0), "mse")
        assert model.evaluate(*zeros, verbose=0) == pytest.approx(expected, rel=1e-5)
        model.fit(*zeros, epochs=5, verbose=0)
        kernels.append(k.ops.convert_to_numpy(model.weights[0]))
    assert np.abs(kernels[0] - kernel).max() > 0.1
    np.testing.assert_allclose(kernels[0], kernels[1], rtol=1e-3, atol=1e-5)
    assert regularizers.get(regularizers.serialize(penalty)).get_config() == {"factor": 0.1, "mode": mode}
    assert type(regularizers.get("orthogonal_regularizer")) is regularizers.OrthogonalRegularizer
    with pytest.raises(ValueError, match=r"\[OrthogonalRegularizer\] expected a matrix.*shape \(2, 2, 2\)"):
        penalty(np.ones((2, 2, 2)))


CONSTRAINTS = [
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 0.5, "axis": [0, 1, 2]}),
    ("NonNeg", {}),
    ("UnitNorm", {"axis": [0, 1, 2]}),
    ("MinMaxNorm", {"min_value": 0.5, "max_value": 0.8, "rate": 0.5, "axis": [0, 1, 2]}),
]


class TestConstraints:
    @pytest.mark.parametrize(("name", "arguments"), CONSTRAINTS)
    @pytest.mark.filterwarnings("ignore")
    def test_equals_keras(self, name, arguments):
        keras_constraints = keras_module("constraints")
        ours, theirs = getattr(constraints, name)(**arguments), getattr(keras_constraints, name)(**arguments)
        np.testing.assert_allclose(ours(W), np.asarray(theirs(W)), rtol=1e-5, atol=1e-6)
        assert set(ours.get_config()) == set(theirs.get_config())

    @pytest.mark.parametrize(("name", "arguments"), CONSTRAINTS)
    def test_copies_from_configs_act_alike(self, name, arguments):
        constraint = getattr(constraints, name)(**arguments)
        copy = constraints.deserialize(json.loads(json.dumps(constraints.serialize(constraint))))
        np.testing.assert_array_equal(copy(W), constraint(W))

    def test_names_give_constraints(self):
        for name, cls in {
            "max_norm": constraints.MaxNorm,
            "nonneg": constraints.NonNeg,
            "UnitNorm": constraints.UnitNorm,
        }.items():
            assert type(constraints.get(name)) is cls
        assert constraints.get(None) is None
        assert constraints.get(np.abs) is np.abs

    def test_what_makes_no_sense(self):
        with pytest.raises(ValueError, match=r"Unknown constraint 'max_nrom'\. Did you mean"):
            constraints.get("max_nrom")
        with pytest.raises(ValueError, match="is a function without a name"):
            constraints.serialize(lambda weights: weights)
        with pytest.raises(ValueError, match="`max_value`"):
            constraints.MinMaxNorm(min_value=2.0, max_value=1.0)


class TestInitializers:
    @pytest.mark.parametrize(
        ("initializer", "stddev"),
        [
            (initializers.TruncatedNormal(stddev=0.1, seed=0), 0.1 * 0.87962566),
            (initializers.LecunNormal(seed=0), np.sqrt(1 / 360)),
            (initializers.LecunUniform(seed=0), np.sqrt(1 / 360)),
            (initializers.VarianceScaling(3.0, "fan_out", "untruncated_normal", seed=0), np.sqrt(3 / 720)),
            (initializers.VarianceScaling(3.0, "fan_avg", "normal", seed=0), np.sqrt(3 / 540)),
        ],
    )
    def test_values_have_their_deviation(self, initializer, stddev):
        values = initializer((3, 3, 40, 80))
        assert values.std() == pytest.approx(stddev, rel=0.03)
        copy = initializers.deserialize(json.loads(json.dumps(initializers.serialize(initializer))))
        np.testing.assert_array_equal(copy((3, 3, 40, 80)), values)

    @pytest.mark.parametrize("shape", [(3, 3, 2, 8), (4, 10), (2, 2, 1, 9)])
    def test_orthogonal_matrices_have_orthogonal_columns_or_rows(self, shape):
        q = initializers.Orthogonal(gain=2.0, seed=1)(shape).reshape(-1, shape[-1])
        gram = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
        np.testing.assert_allclose(gram, 4 * np.eye(min(q.shape)), atol=1e-5)

    def test_identity_and_dirac(self):
        np.testing.assert_array_equal(initializers.Identity(2.0)((3, 2)), 2 * np.eye(3, 2))
        kernel = initializers.Dirac()((3, 5, 2, 2))
        assert kernel.sum() == 2
        np.testing.assert_array_equal(kernel[1, 2], np.eye(2))
        with pytest.raises(ValueError, match="expected a weight of rank 2"):
            initializers.Identity()((3, 3, 1, 1))
        with pytest.raises(ValueError, match="kernel of a convolution"):
            initializers.Dirac()((3, 3))
        with pytest.raises(ValueError, match="at least two axes"):
            initializers.Orthogonal()((3,))

    def test_arrays_are_constants(self):
        np.testing.assert_array_equal(initializers.Constant([1.0, 2.0])((3, 2)), [[1, 2]] * 3)
        with pytest.raises(ValueError, match=r"broadcasts to the shape of the weight, \(2,\)"):
            initializers.Constant([1.0, 2.0, 3.0])((2,))

    def test_functions_of_a_shape(self):
        def ones(shape, dtype=None):
            assert dtype == "float32"
            return np.ones(shape)

        initializer = initializers.get(ones)
        np.testing.assert_array_equal(initializer((2, 2)), np.ones((2, 2)))
        with pytest.raises(ValueError, match="expected an array of shape"):
            initializers.get(lambda shape: np.ones(3))((2,))
        assert initializers.serialize(initializer) == {"class_name": "ones", "config": {}}
        with custom_object_scope({"ones": ones}):
            copy = initializers.deserialize(initializers.serialize(initializer))
        np.testing.assert_array_equal(copy((2, 2)), np.ones((2, 2)))

        class Mine(initializers.Initializer):
            def __call__(self, shape, dtype=None):  # as Keras documents it
                return 2 * np.ones(shape)

        np.testing.assert_array_equal(initializers.get(Mine())((2,)), [2, 2])

    @pytest.mark.filterwarnings("ignore")
    def test_every_name_of_keras(self):
        missing = {name for name in dir(keras_module("initializers")) if not name.startswith("_")} - set(
            dir(initializers)
        )
        assert missing <= {"STFT", "STFTInitializer", "stft"}

    def test_the_seed_of_the_process_decides(self):
        draws = []
        for _ in range(2):
            utils.set_random_seed(3)
            draws.append(initializers.get("lecun_normal")((4, 4)))
        np.testing.assert_array_equal(*draws)


class TestActivations:
    # `threshold` has arguments without a default, and Keras' sparsemax on PyTorch sums other values than those of the
    # paper (Martins and Astudillo, 2016); test_ops_keras.py has both.
    @pytest.mark.parametrize(
        "name",
        sorted(set(activations.__all__) - {"get", "serialize", "deserialize", "sparsemax", "threshold"}),
    )
    @pytest.mark.filterwarnings("ignore")
    def test_equals_keras(self, name):
        x = np.linspace(-6, 6, 242, dtype=np.float32).reshape(1, -1)
        expected = np.asarray(getattr(keras_module("activations"), name)(x))
        np.testing.assert_allclose(getattr(activations, name)(x), expected, rtol=1e-5, atol=1e-6)
        assert activations.get(name) is getattr(activations, name)
        assert activations.get(activations.serialize(activations.get(name))) is activations.get(name)

    def test_bound_arguments_come_back(self):
        bound = functools.partial(activations.relu, negative_slope=0.1, max_value=6)
        copy = activations.deserialize(json.loads(json.dumps(activations.serialize(bound))))
        x = np.linspace(-9, 9, 19)
        np.testing.assert_array_equal(copy(x), bound(x))

    def test_layers_and_functions_of_ones_own(self):
        layer = LeakyReLU(0.1)
        assert activations.get(layer) is layer
        assert activations.deserialize(activations.serialize(layer)).negative_slope == 0.1

        def cube(x):
            return x**3

        assert activations.get(cube) is cube
        assert activations.serialize(cube) == "cube"
        with pytest.raises(ValueError, match="Unknown activation"):
            activations.deserialize("cube")
        with custom_object_scope({"cube": cube}):
            assert activations.deserialize("cube") is cube


class TestBackend:
    def test_settings_have_one_value(self):
        assert (backend.image_data_format(), backend.floatx(), backend.backend()) == (
            "channels_last",
            "float32",
            "cnncore",
        )
        backend.set_image_data_format("channels_last")
        backend.set_floatx("float32")
        with pytest.raises(ValueError, match="channels_last"):
            backend.set_image_data_format("channels_first")
        with pytest.raises(ValueError, match="float32"):
            backend.set_floatx("float64")
        before = backend.epsilon()
        backend.set_epsilon(1e-5)
        assert backend.epsilon() == 1e-5
        backend.set_epsilon(before)

    def test_values_are_read_set_and_counted(self):
        x = np.zeros(3)
        backend.set_value(x, [1, 2, 3])
        np.testing.assert_array_equal(backend.get_value(x), [1, 2, 3])
        assert backend.get_value(0.1) == 0.1
        assert backend.count_params([x, x]) == 6
        assert backend.int_shape(x) == (3,)
        assert backend.ndim(np.zeros((2, 2))) == 2
        with pytest.raises(TypeError, match="optimizer"):
            backend.set_value(0.1, 0.2)

    def test_functions_are_those_of_numpy(self):
        x = np.float32([[1.0, -2.0], [3.0, 4.0]])
        assert backend.sum(x) == 6
        np.testing.assert_array_equal(backend.max(x, axis=[1]), [1, 4])
        np.testing.assert_array_equal(backend.clip(x, 0, 3), [[1, 0], [3, 3]])
        np.testing.assert_array_equal(backend.one_hot([1, 0], 2), [[0, 1], [1, 0]])
        np.testing.assert_array_equal(backend.concatenate([x, x]), np.concatenate([x, x], 1))
        assert backend.expand_dims(x).shape == (2, 2, 1)
        assert backend.permute_dimensions(x, (1, 0))[0, 1] == 3
        np.testing.assert_array_equal(backend.repeat_elements(x, 2, axis=0), np.repeat(x, 2, axis=0))
        assert backend.any(x < 0)
        assert not backend.all(x < 0, axis=[1]).any()
        assert backend.cast(x, "int32").dtype == np.int32


def test_a_function_of_tensors_inside_a_model():
    model = Sequential([layers.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(1)])
    hidden = backend.function([model.input], [model.layers[0].output, model.output])
    x = np.random.default_rng(0).random((2, 3), np.float32)
    first, last = hidden([x])
    np.testing.assert_array_equal(first, model.layers[0](x))
    np.testing.assert_array_equal(last, model.predict(x, verbose=0))
    (first,) = backend.function(model.input, model.layers[0].output)([x])
    assert first.shape == (2, 4)


def test_old_names_lead_to_todays():
    with pytest.warns(DeprecationWarning, match="constraints.maxnorm is called max_norm today"):
        from cnncore.constraints import maxnorm
    assert maxnorm is constraints.MaxNorm
    with pytest.warns(DeprecationWarning, match="initializers.normal is called random_normal today"):
        from cnncore.initializers import normal
    assert normal is initializers.RandomNormal
    with pytest.warns(DeprecationWarning, match="image_data_format today"):
        assert backend.image_dim_ordering() == "tf"
    with pytest.warns(DeprecationWarning, match="today"), pytest.raises(ValueError, match="channels_last"):
        backend.set_image_dim_ordering("th")
    for module in (constraints, initializers):
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            _ = module.nothing
