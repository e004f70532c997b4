"""The table of ``summary``, and pictures of models."""

import pytest

import test_document
from cnncore import Input, Model, Sequential, backend, utils
from cnncore.layers import Add, Conv2D, Dense

# The document's model: its names and numbers, in columns that are aligned.
ROWS = [f" {name:<32}{shape!s:<26}{count}" for name, shape, count in test_document.SUMMARY]
SUMMARY = f"""\
Model: "sequential"
_____________________________________________________________________
 Layer (type)                    Output Shape              Param #
=====================================================================
{chr(10).join(ROWS)}
=====================================================================
Total params: 225,034
Trainable params: 225,034
Non-trainable params: 0
_____________________________________________________________________"""


def summary(model, **options):
    lines = []
    model.summary(print_fn=lines.append, **options)
    return lines


def columns(lines):
    """Where each column of the table begins, in every row."""
    rows = [line for line in lines[2:] if line.startswith(" ")]
    header = rows[0]
    starts = [header.index(title) for title in ("Layer", "Output", "Param")]
    assert all(row[start - 1] == " " for row in rows for start in starts)
    return starts


class TestTable:
    def test_the_document_s_model(self):
        lines = summary(test_document.sample_model())
        assert [line.rstrip() for line in lines] == SUMMARY.splitlines()
        assert len({len(line) for line in lines[1:-4]}) == 1  # every row is as wide as the rules
        assert columns(lines) == [1, 33, 59]

    def test_it_goes_to_stdout(self, capsys):
        Sequential([Dense(2, input_shape=(3,))]).summary()
        assert " dense (Dense)               (None, 2)                 8" in capsys.readouterr().out

    def test_long_names_move_the_columns_of_all_rows(self):
        model = Sequential([Dense(2, input_shape=(3,), name="a_name_that_is_much_longer_than_its_column"), Dense(2)])
        assert columns(summary(model))[1] > 45

    def test_a_given_width(self):
        lines = summary(test_document.sample_model(), line_length=100)
        assert {len(line) for line in lines[1:-4]} == {100}
        backend.clear_session()
        narrow = summary(test_document.sample_model(), line_length=48)
        assert {len(line) for line in narrow[1:-4]} == {48}
        assert "max_pooling2d_1" in " ".join(narrow)

    def test_positions_of_columns_are_the_given_ones(self):
        lines = summary(test_document.sample_model(), line_length=100, positions=[0.5, 0.8, 1.0])
        assert lines[2].index("Output Shape") == 51
        assert summary(test_document.sample_model(), positions=[40, 70, 80])[2].index("Output Shape") == 41
        for positions in ([0.5, 1.0], [0.01, 0.02, 1.0]):
            with pytest.raises(ValueError, match=r"\[summary\] expected"):
                summary(test_document.sample_model(), positions=positions)
        with pytest.raises(TypeError, match=r"\[summary\] expected `positions` to be a number"):
            summary(test_document.sample_model(), positions=[0.5, 0.8, "wide"])

    def test_graphs_tell_connections(self):
        x = Input((6, 6, 3))
        y = Conv2D(4, 1)(x)
        model = Model(x, Add()([y, Conv2D(4, 1)(x)]))
        lines = summary(model)
        assert "Connected to" in lines[2]
        assert any("conv2d[0][0], conv2d_1[0][0]" in line for line in lines)

    def test_frozen_layers_and_models_inside(self):
        inner = Sequential([Dense(4, input_shape=(3,)), Dense(4)])
        inner.trainable = False
        lines = summary(Sequential([inner, Dense(2)]), expand_nested=True, show_trainable=True)
        text = "\n".join(lines)
        assert "Trainable params: 10\nNon-trainable params: 36" in text
        row = next(line for line in lines if "└ dense (Dense)" in line)
        assert row.split()[-1] == "N"
        assert next(line for line in lines if "dense_2 (Dense)" in line).split()[-1] == "Y"

    def test_a_range_of_layers(self):
        lines = summary(test_document.sample_model(), layer_range=["conv2d_1", "flatten"])
        assert sum("(" in line and ")" in line for line in lines[4:]) == 3
        with pytest.raises(ValueError, match="expected names of layers"):
            summary(test_document.sample_model(), layer_range=["nobody", "flatten"])
        with pytest.raises(ValueError, match="as two names"):
            summary(test_document.sample_model(), layer_range="conv2d")


class TestPictures:
    @pytest.mark.parametrize("rankdir", ["TB", "LR"])
    def test_matplotlib_draws_where_graphviz_is_missing(self, tmp_path, rankdir, monkeypatch):
        pytest.importorskip("matplotlib")
        monkeypatch.setattr("cnncore.utils.model_plot._with_graphviz", lambda *arguments: False)
        inner = Sequential([Dense(4), Dense(3)])
        x = Input((3,))
        model = Model(x, Add()([inner(x), x]))
        for options in ({}, {"show_shapes": True, "expand_nested": True, "show_layer_names": True}):
            path = tmp_path / f"model{len(options)}.png"
            utils.plot_model(model, path, rankdir=rankdir, **options)
            assert path.read_bytes().startswith(b"\x89PNG")
        utils.plot_model(model, tmp_path / "model.svg", rankdir=rankdir, show_layer_names=True)
        assert "dense" not in (tmp_path / "model.svg").name

    def test_what_is_written_into_the_boxes(self):
        from cnncore.utils.model_plot import _collect, _Drawing

        x = Input((3,), name="x")
        shared = Dense(3, activation="relu", name="shared")
        model = Model(x, shared(shared(x)))
        drawing = _Drawing({}, [])
        names = ("names", "shapes", "dtype", "activations", "trainable")
        _collect(model, drawing, dict.fromkeys(names, True), False, "", {})
        assert list(drawing.boxes) == ["x", "shared"]
        assert drawing.arrows == [("x", "shared"), ("shared", "shared")]
        assert drawing.boxes["shared"].lines == [
            "shared (Dense)",
            "Activation: relu",
            "Input: (None, 3)",
            "Output: (None, 3)",
            "dtype: float32",
            "Trainable: yes",
        ]

    def test_wrong_arguments(self, tmp_path):
        model = Sequential([Dense(2, input_shape=(3,))])
        with pytest.raises(ValueError, match='expected `rankdir` to be "TB" or "LR"'):
            utils.plot_model(model, tmp_path / "x.png", rankdir="XY")
        with pytest.raises(TypeError, match="unknown argument 'colour'"):
            utils.plot_model(model, tmp_path / "x.png", colour="red")
        with pytest.raises(ValueError, match="not built"):
            utils.plot_model(Sequential([Dense(2)]), tmp_path / "x.png")
