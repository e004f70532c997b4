"""Files that were made to do harm, and files that are rewritten, left over or too large."""

import json
import os
import resource
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy

from cnncore import Input, Sequential, layers, saving
from cnncore.graph.tensor import NotTraceableError
from cnncore.layers import Conv2D, Dense
from cnncore.models import model_from_json
from cnncore.saving import format as file_format
from cnncore.saving.limits import printable


def write(path, config, tensors=None, **header):
    """A file with any config and the right checksum."""
    tensors = tensors or {}
    header = {"format_version": 1, "config": config, "sha256": file_format._checksum(config, tensors)} | header
    path.write_bytes(safetensors.numpy.save(tensors, {"cnncore": json.dumps(header)}))
    return path


def model_config(layers, input_shape=(4,)):
    return {
        "kind": "model",
        "class_name": "Sequential",
        "config": {"name": "m", "seed": 1, "input_shape": list(input_shape), "layers": layers},
        "training": None,
        "network_step": 0,
    }


def dense(units=1, name="dense"):
    return {"class_name": "Dense", "config": {"units": units, "name": name}}


def test_what_is_described_but_not_there_is_not_allocated(tmp_path):
    huge = model_config([dense(1000)], (23000, 23000, 3))
    huge["config"]["layers"].insert(0, {"class_name": "Flatten", "config": {}})
    path = write(tmp_path / "huge.safetensors", huge)
    tracemalloc.start()
    with pytest.raises(ValueError, match="Missing: dense/bias, dense/kernel"):
        saving.load_model(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5e6


def test_a_large_input_plans_nothing(tmp_path):
    layers = [{"class_name": "MaxPooling2D", "config": {"pool_size": 2}}]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model = saving.load_model(write(tmp_path / "large.safetensors", model_config(layers, (23000, 23000, 1))))
    assert model.output_shape == (None, 11500, 11500, 1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB; one image has 2,000,000


@pytest.mark.parametrize(
    ("function", "arguments", "shape"),
    [
        ("tile", [{"tensor": 0}, [1, 10**9]], (4,)),
        ("repeat", [{"tensor": 0}, 10**9, 1], (4,)),
        ("pad", [{"tensor": 0}, [[0, 0], [10**9, 0]]], (4,)),
        ("broadcast_to", [{"tensor": 0}, {"tuple": [2, 10**9, 4]}], (1, 4)),
        ("exp", [{"tensor": 0}], (23000, 23000, 3)),
        ("add", [{"tensor": 0}, {"array": [[[1.0]] * 100_000], "dtype": "float32"}], (1, 100_000)),
        ("matmul", [{"tensor": 0}, {"array": [[1.0] * 100_000], "dtype": "float32"}], (100_000, 1)),
        ("einsum", ["bi,j->bij", {"tensor": 0}, {"array": [1.0] * 100_000, "dtype": "float32"}], (100_000,)),
        ("maximum", [{"tensor": 0}, {"array": [1], "dtype": "S2000000000"}], (4,)),
        ("numpy.tile", [{"tensor": 0}, [1, 10**9]], (4,)),
        ("nn.one_hot", [{"tensor": 0, "dtype": "int32"}, 10**9], (4,)),
        ("core.slice", [{"tensor": 0}, [0, 0], [2, 10**9]], (4,)),
        ("image.resize", [{"tensor": 0}, {"tuple": [10**5, 10**5]}], (4, 4, 3)),
        ("image.extract_patches", [{"tensor": 0}, {"tuple": [10**5, 10**5]}], (4, 4, 3)),
        ("numpy.vander", [{"tensor": 0}, 10**9], (4,)),
        ("numpy.tensordot", [{"tensor": 0}, {"array": [1.0] * 100_000, "dtype": "float32"}, 0], (100_000,)),
        ("numpy.diagflat", [{"tensor": 0}, 10**9], (4,)),
        ("exp", [{"tensor": 0, "dtype": "S2000000000"}], (4,)),
    ],
)
def test_operations_between_tensors_allocate_little(function, arguments, shape):
    config = {"function": function, "arguments": arguments, "keywords": {}}
    layer = layers.deserialize({"class_name": "ArrayFunction", "config": config})
    tracemalloc.start()
    with pytest.raises(NotTraceableError, match=r"expected (numpy|cnncore|at most|an array of numbers|a type)"):
        layer(Input(shape))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6


def test_many_layers_take_linear_time(tmp_path):
    """Time is counted in the lines of Python that run, which does not depend on what else the machine does."""

    def lines(count):
        layers = [dense(name=f"d{number}") for number in range(count)]
        path = write(tmp_path / f"{count}.safetensors", model_config(layers))
        run = 0

        def observe(frame, event, argument):
            nonlocal run
            run += event == "line"
            return observe

        sys.settrace(observe)
        try:
            with pytest.raises(ValueError, match="Missing: "):
                saving.load_model(path)
        finally:
            sys.settrace(None)
        return run

    lines(10)
    assert lines(2000) < 12 * lines(200)


def test_the_size_is_bounded_and_the_bound_can_be_raised(tmp_path):
    model = Sequential([Dense(100, input_shape=(100,))])
    path = tmp_path / "model.safetensors"
    model.save(path)
    with pytest.raises(ValueError, match=r"expected at most 1,000 bytes. Received: 41,[0-9]{3}. Pass max_bytes="):
        saving.load_model(path, max_bytes=1000)
    with pytest.raises(ValueError, match="expected at most 1,000 bytes"):
        saving.load_weights(model, path, max_bytes=1000)
    assert saving.load_model(path, max_bytes=100_000).count_params() == 10_100


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a": 1e999}',
        '{"a": NaN}',
        '{"format_version": 1, "config": {"x": 1e999}}',
        "9" * 10_000,
        '{"format_version": 1}',
        "\x1b[31m",
    ],
)
def test_texts_that_are_no_json(tmp_path, text):
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors.numpy.save({}, {"cnncore": text}))
    with pytest.raises(ValueError, match=r"x.safetensors: ") as caught:
        saving.load_model(path)
    assert len(str(caught.value)) < 2000
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "layer",
    [
        {"class_name": "Dense", "config": {"units": 10**400}},
        {"class_name": "Dense", "config": {"units": 2**40}},
        {"class_name": "Dense", "config": {"units": 1, "kernel_initializer": {"class_name": 5}}},
        {"class_name": "Conv2D", "config": {"filters": 1, "kernel_size": [1, "x"]}},
        {"class_name": "Dense", "config": {"units": 1, "name": "x" * 50_000_000}},
        {"class_name": "Dense", "config": {"units": 1, "name": "\x1b[31mred"}},
        {"class_name": "Dense", "config": {"units": 1, "nobody": 1}},
        {"class_name": "x" * 10_000_000, "config": {}},
        {"class_name": "Lambda", "config": {"function": "os.system"}},
        {"class_name": "Sequential", "config": {"layers": [{"class_name": "Sequential", "config": None}]}},
        {"class_name": ["Dense"], "config": {}},
        "dense",
        None,
    ],
    ids=lambda layer: str(layer)[:40],
)
def test_only_short_printable_value_errors(tmp_path, layer):
    path = write(tmp_path / "x.safetensors", model_config([layer]))
    with pytest.raises(ValueError, match=r"x.safetensors: ") as caught:
        saving.load_model(path)
    text = str(caught.value)
    assert len(text) < 2000
    assert all(c.isprintable() for c in text)
    assert caught.value.__suppress_context__


def test_models_nested_without_end(tmp_path):
    layer = dense()
    for _ in range(150):
        layer = {"class_name": "Sequential", "config": {"layers": [layer]}}
    with pytest.raises(ValueError, match=r"x.safetensors: "):
        saving.load_model(write(tmp_path / "x.safetensors", model_config([layer])))


def test_nothing_is_imported(tmp_path):
    for name in ("os.system", "builtins>eval", "subprocess.Popen", "cnncore.layers.Dense"):
        config = model_config([{"class_name": name, "config": {"args": "x"}}])
        with pytest.raises(ValueError, match="Unknown layer"):
            saving.load_model(write(tmp_path / "x.safetensors", config))


def test_the_file_may_be_rewritten_while_it_is_read(tmp_path):
    """Data that has been read does not change with the file, because the file is not mapped into memory."""
    path = tmp_path / "model.safetensors"
    Sequential([Dense(4, kernel_initializer="ones", input_shape=(3,))]).save(path)
    file = file_format.read_file(path)
    path.write_bytes(b"")
    assert np.array_equal(file.tensors["dense/kernel"], np.ones((3, 4)))


class TestStaleFiles:
    def test_those_of_killed_saves_go_at_the_next_one(self, tmp_path):
        code = (
            "import os, sys\n"
            "from cnncore.saving import atomic\n"
            "os.replace = lambda *a: os.kill(os.getpid(), 9)\n"
            "atomic.write_atomically(sys.argv[1], b'x')\n"
        )
        for _ in range(3):
            subprocess.run([sys.executable, "-c", code, str(tmp_path / "model.safetensors")], check=False, timeout=60)
        assert sum(name.endswith(".tmp") for name in os.listdir(tmp_path)) == 1  # each removes what is left before it
        Sequential([Conv2D(1, 1, input_shape=(2, 2, 1))]).save(tmp_path / "model.safetensors")
        assert os.listdir(tmp_path) == ["model.safetensors"]

    def test_others_stay(self, tmp_path):
        running = tmp_path / f".cnncore-{saving.atomic._host()}-{os.getpid()}-{'0' * 16}.tmp"
        elsewhere = tmp_path / f".cnncore-ffffffff-1-{'0' * 16}.tmp"
        foreign = tmp_path / ".cnncore-notes.tmp"
        old = tmp_path / f".cnncore-{'1' * 16}.tmp"
        for path in (running, elsewhere, foreign, old):
            path.touch()
        os.utime(old, (0, 0))
        saving.atomic.remove_stale_files(str(tmp_path))
        assert running.exists()
        assert elsewhere.exists()
        assert foreign.exists()
        assert not old.exists()


def test_text_of_files_is_shortened_and_escaped_in_messages():
    assert printable("a\nb\x1b[0m") == "a\\nb\\x1b[0m"
    assert printable("x" * 1000).endswith("... (1,000 characters)")


WRONG = [
    {"class_name": "Sequential", "config": {"layers": [{"class_name": "InputLayer", "config": 3}]}, "module": "keras"},
    {"class_name": "Functional", "config": {"layers": [{"class_name": "Dense", "config": {}, "inbound_nodes": [3]}]}},
    {"class_name": "Functional", "config": {"layers": [{"config": {}, "name": {}, "inbound_nodes": []}]}},
    {"class_name": "Model", "config": {"seed": 0, "layers": [], "calls": [{"args": []}]}},
    {"class_name": "Sequential", "config": {"seed": 0, "layers": [{"class_name": "x" * 10**6, "config": {}}]}},
    {"class_name": "Sequential", "config": {"layers": "x" * 10**6}},
    {"class_name": "InputLayer", "config": {"batch_shape": 3}},
]


@pytest.mark.parametrize("config", WRONG, ids=range(len(WRONG)))
def test_json_that_describes_no_model(config):
    with pytest.raises(ValueError, match=r"^\[model_from_json\]") as caught:
        model_from_json(json.dumps(config))
    assert len(str(caught.value)) < 1500
    assert "has no attribute" not in str(caught.value)
