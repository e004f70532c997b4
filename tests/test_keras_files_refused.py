"""Files of Keras that are refused: what is not known, and what strangers may have changed."""

import io
import json
import zipfile

import numpy as np
import pytest

from cnncore import Input, Model, Sequential, saving
from cnncore.layers import Conv2D, Dense
from keras_graphs import graph

h5py = pytest.importorskip("h5py")
pytest.importorskip("torch")
keras = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore")  # Keras' own


class TestRefused:
    @pytest.mark.parametrize(
        ("layer", "message"),
        [
            (lambda: Conv2D(1, 2, padding=((1, 0), (0, 0)), input_shape=(4, 4, 1)), "no explicit padding"),
            (lambda: Dense(2, precision="bfloat16"), "Keras has no argument 'precision'"),
        ],
    )
    def test_what_keras_has_not(self, layer, message, tmp_path):
        made = layer()
        shape = (4, 4, 1) if isinstance(made, Conv2D) else (4,)
        with pytest.raises(ValueError, match=message):
            Sequential([Input(shape), made]).save(tmp_path / "m.keras")
        assert not (tmp_path / "m.keras").exists()
        x = Input((2,))
        with pytest.raises(ValueError, match=r"the function rint of tensors has no counterpart"):
            Model(x, np.rint(x)).save(tmp_path / "m.keras")

    def test_what_we_have_not(self, tmp_path):
        keras.Sequential([keras.layers.Input((4, 4, 4, 1)), keras.layers.UpSampling3D(2)]).save(tmp_path / "k.keras")
        with pytest.raises(ValueError, match="Unknown layer 'UpSampling3D'"):
            saving.load_model(tmp_path / "k.keras")
        x = keras.Input((4,))
        keras.Model(x, keras.ops.polar(x, x)).save(tmp_path / "k.keras")
        with pytest.raises(ValueError, match="Received: the operation Polar"):
            saving.load_model(tmp_path / "k.keras")

    def test_names_that_promise_another_format(self, tmp_path):
        model = Sequential([Dense(2, input_shape=(3,))])
        for name in ("m.keras", "weights.KERAS"):
            with pytest.raises(ValueError, match=r"ends in \.safetensors, or in \.weights\.h5"):
                model.save_weights(tmp_path / name)
        for use in (model.save, saving.load_model):
            with pytest.raises(ValueError, match=r"files that end in \.weights\.h5 hold weights alone"):
                use(tmp_path / "m.weights.h5")


def rewritten(path, edit=None, weights=None):
    """The file with another config, or other bytes as its weights."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if edit is not None:
        config = json.loads(members["config.json"])
        edit(config)
        members["config.json"] = json.dumps(config)
    if weights is not None:
        members["model.weights.h5"] = weights
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


class TestHostile:
    @pytest.fixture
    def path(self, tmp_path):
        graph().save(tmp_path / "m.keras")
        return tmp_path / "m.keras"

    @pytest.mark.parametrize(
        "edit",
        [
            lambda c: c.update(class_name="os.system"),
            lambda c: c.update(config=None),
            lambda c: c["config"].update(layers=None),
            lambda c: c["config"]["layers"][1].update(class_name="x" * 10**7),
            lambda c: c["config"]["layers"][1].update(inbound_nodes=[{"args": [{"class_name": "__keras_tensor__"}]}]),
            lambda c: c["config"]["layers"][1]["config"].update(filters=10**400),
            lambda c: c["config"]["layers"][1]["config"].update(dtype="string"),
            lambda c: c["config"]["layers"][-1]["inbound_nodes"][0]["args"][0]["config"].update(
                keras_history=[c["config"]["layers"][-1]["name"], 0, 0]
            ),
            lambda c: c["config"].update(output_layers=[["nobody", 0, 0]]),
            lambda c: c["config"].update(input_layers=3),
            lambda c: c["config"]["layers"][-1]["inbound_nodes"][0]["args"][0]["config"]["keras_history"].__setitem__(
                2, 10**12
            ),
        ],
    )
    def test_configs_that_make_no_sense_are_refused(self, path, edit):
        rewritten(path, edit)
        with pytest.raises(ValueError, match=r"m.keras: ") as caught:
            saving.load_model(path)
        assert len(str(caught.value)) < 2000

    def test_no_zip(self, path):
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(ValueError, match="expected an intact file of Keras 3"):
            saving.load_model(path)

    def test_weights_that_are_elsewhere_or_not_stored(self, path, tmp_path):
        with zipfile.ZipFile(path) as archive:
            good = archive.read("model.weights.h5")
        (tmp_path / "secret.h5").write_bytes(good)
        key = "layers/dense/vars/1"

        def soft(file):
            file[key] = h5py.SoftLink("/layers/conv2d/vars/1")

        def external(file):
            file[key] = h5py.ExternalLink(str(tmp_path / "secret.h5"), key)

        def empty(file):
            file.create_dataset(key, (3,), np.float32, chunks=(3,))

        def wrong(file):
            file.create_dataset(key, (4,), np.float32, data=np.ones(4))

        def infinite(file):
            file.create_dataset(key, data=np.full(3, np.inf, np.float32))

        for change in (soft, external, empty, wrong, infinite):
            content = io.BytesIO(good)
            with h5py.File(content, "a") as file:
                del file[key]
                change(file)
            rewritten(path, weights=content.getvalue())
            with pytest.raises(ValueError, match="layers/dense/vars/1"):
                saving.load_model(path)

    def test_a_zip_that_expands(self, path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.json", b" " * 10**8)
        with pytest.raises(ValueError, match="of a size that the file can hold"):
            saving.load_model(path)
