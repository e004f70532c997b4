"""Names, order and defaults of all public arguments against an installed Keras, except what the documentation lists."""

import importlib
import inspect
from pathlib import Path

import pytest

import cnncore

pytest.importorskip("torch")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras' own

PAGE = (Path(__file__).parents[1] / "docs" / "differences_from_keras.md").read_text(encoding="utf-8")
MODULES = ["layers", "activations", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers"]
MODULES += ["optimizers.schedules", "callbacks", "datasets.mnist", "datasets.cifar10", "datasets.cifar100"]
MODULES += ["datasets.fashion_mnist", "utils", "saving", "models"]
METHODS = ["add_weight", "build", "compile", "evaluate", "fit", "from_config", "get_config", "get_layer", "get_weights"]
METHODS += ["load_weights", "predict", "predict_on_batch", "reset_metrics", "save", "save_weights", "set_weights"]
METHODS += ["summary", "test_on_batch", "to_json", "train_on_batch", "add", "pop"]

# The differences that the page lists: arguments of Keras that are not here, and defaults that are others.
NOT_HERE = {
    "layers.Dense": {"lora_rank", "lora_alpha", "quantization_config"},
    "layers.Embedding": {"lora_rank", "lora_alpha", "quantization_config"},
    "layers.EinsumDense": {"lora_rank", "lora_alpha", "quantization_config", "gptq_unpacked_column_size"},
    "layers.Input": {"sparse", "ragged", "tensor", "optional"},
    "layers.InputLayer": {"sparse", "ragged", "input_tensor", "optional"},
    "layers.IntegerLookup": {"salt", "oov_method"},
    "layers.StringLookup": {"salt"},
    "layers.Layer": {"autocast"},
    "Model.add_weight": {"autocast", "aggregation", "overwrite_with_gradient"},
    "callbacks.TensorBoard": {"profile_batch", "embeddings_freq", "embeddings_metadata"},
    "utils.image_dataset_from_directory": {"format"},
    "utils.timeseries_dataset_from_array": {"format"},
    "utils.plot_model": {"splines"},
    "utils.Progbar": {"stateless_metrics"},
    "utils.split_dataset": {"preferred_backend"},
    "saving.save_model": {"zipped"},
    "models.save_model": {"zipped"},
    "Model.save": {"zipped"},
    "saving.save_weights": {"max_shard_size"},
    "Model.save_weights": {"max_shard_size"},
    "models.clone_model": {"call_function", "recursive"},
}
OTHER_DEFAULTS = {
    "layers.AveragePooling1D": {"pool_size": 2},
    "layers.AveragePooling2D": {"pool_size": 2},
    "layers.AveragePooling3D": {"pool_size": 2},
    "layers.AvgPool1D": {"pool_size": 2},
    "layers.AvgPool2D": {"pool_size": 2},
    "layers.AvgPool3D": {"pool_size": 2},
    "datasets.mnist.load_data": {"path": None},
    "Model.build": {"input_shape": None},
}
# A variable number of arguments takes these, so that a signature does not name them.
BY_KEYWORD = {"name", "dtype", "trainable", "data_format"}
EMPTY = inspect.Parameter.empty


def pairs():
    """Each callable of Keras that is also here: name, ours, theirs."""
    for module in MODULES:
        theirs, ours = (importlib.import_module(f"{name}.{module}") for name in ("keras", "cnncore"))
        for name in sorted(vars(theirs)):
            other = getattr(theirs, name)
            if not name.startswith("_") and callable(other) and name in {*dir(ours), *getattr(ours, "__all__", ())}:
                yield f"{module}.{name}", getattr(ours, name), other
    for name in METHODS:
        for kind in ("Model", "Sequential"):
            ours, theirs = getattr(cnncore, kind), getattr(keras, kind)
            if hasattr(theirs, name) and (kind == "Model" or not hasattr(keras.Model, name)):
                yield f"{kind}.{name}", getattr(ours, name), getattr(theirs, name)


PAIRS = {name: (ours, theirs) for name, ours, theirs in pairs()}


def parameters_of(function):
    """Name -> parameter of what can be given by name; an empty dict where that is not known."""
    try:
        found = inspect.signature(function.__init__ if inspect.isclass(function) else function).parameters.values()
    except (ValueError, TypeError):
        return {}, False
    named = {p.name: p for p in found if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name != "self"}
    return named, any(p.kind is p.VAR_KEYWORD for p in found)


def plain(value):
    """Defaults that mean the same as one value: (1, 1) and 1, "Zeros" and "zeros"."""
    if isinstance(value, tuple) and value and len(set(value)) == 1:
        return value[0]
    return value.lower() if isinstance(value, str) else value


@pytest.mark.parametrize("name", PAIRS)
def test_arguments(name):
    """Names, order and defaults are Keras', except where the page says otherwise."""
    ours, theirs = PAIRS[name]
    if ours is theirs or inspect.isclass(ours) != inspect.isclass(theirs):
        ours = ours.__init__ if inspect.isclass(ours) else ours
    (mine, takes_more), (other, _) = parameters_of(ours), parameters_of(theirs)
    if not other or name in ("models.Model", "models.Sequential"):
        return
    missing = {key for key in other if key not in mine} - (BY_KEYWORD if takes_more else set())
    missing -= {"config"} if name == "losses.deserialize" else set()
    assert missing == NOT_HERE.get(name, set())
    common = [key for key in other if key in mine]
    assert [key for key in mine if key in other] == common, "the order"
    defaults = {key: mine[key].default for key in common}
    changed = {key: value for key, value in defaults.items() if not _equal(value, other[key].default)}
    assert changed == OTHER_DEFAULTS.get(name, {})
    by_position = [key for key, p in mine.items() if p.kind is not p.KEYWORD_ONLY]
    taken = [key for key, p in other.items() if p.kind is not p.KEYWORD_ONLY and key in mine and key in by_position]
    if not missing & set(by_position):
        assert by_position[: len(taken)] == taken, "arguments of our own come after Keras'"


def _equal(a, b):
    return (a is EMPTY) == (b is EMPTY) and (a is EMPTY or plain(a) == plain(b) or repr(a) == repr(b))


@pytest.mark.parametrize("name", sorted({**NOT_HERE, **OTHER_DEFAULTS}))
def test_the_page_lists_each_difference_of_arguments(name):
    short = name.rpartition(".")[2]
    short = {"save_model": "save", "save_weights": "save"}.get(short, short)
    rows = [line for line in PAGE.splitlines() if short.lower() in line.lower()]
    for argument in {*NOT_HERE.get(name, ()), *OTHER_DEFAULTS.get(name, ())}:
        assert any(f"`{argument}" in line for line in rows), argument
