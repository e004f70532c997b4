"""Which other modules are loaded when the package is imported."""

import subprocess
import sys

# Python and NumPy are there anyway; these would make every start slower or are optional.
SLOW = ["h5py", "keras", "logging", "matplotlib", "multiprocessing", "pandas", "PIL", "pooch", "safetensors"]
SLOW += ["scipy", "tensorboardX", "torch", "tqdm", "urllib.request", "zipfile", "concurrent.futures"]


def run(code: str) -> str:
    """The output of `code` in a new Python process."""
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True)
    return done.stdout.strip()


def brought_by(statement: str) -> set[str]:
    """The modules that `statement` imports in a Python that has only NumPy."""
    return set(
        run(
            f"import sys, numpy\nbefore = set(sys.modules)\n{statement}\nprint(*sorted(set(sys.modules) - before))"
        ).split()
    )


def test_import_loads_the_core_alone():
    ours = {name for name in brought_by("import cnncore") if name.partition(".")[0] == "cnncore"}
    assert ours == {"cnncore", "cnncore._core", "cnncore._keras_names", "cnncore._keras_names.finder"}


def test_a_model_needs_nothing_but_numpy():
    brought = brought_by("from cnncore import Sequential, layers, losses, metrics, optimizers, utils")
    assert brought & set(SLOW) == set()


def test_safetensors_is_loaded_for_files_only():
    assert "safetensors" in brought_by("from cnncore.models import load_model")


def test_every_public_module_can_be_imported_first():
    """Every module can be imported first, before any other one."""
    run(
        "import importlib, sys, cnncore\n"
        "for name in cnncore.__all__:\n"
        "    for module in [m for m in sys.modules if m.startswith('cnncore.') and m != 'cnncore._core']:\n"
        "        del sys.modules[module]\n"
        "    getattr(cnncore, name)\n"
    )


def test_a_file_can_be_read_first(tmp_path):
    """The classes that a file names are found in a process that has used none of them."""
    run(
        "from cnncore import Sequential, layers\n"
        "model = Sequential([layers.Dense(2, input_shape=(3,))])\n"
        "model.compile('adam', 'mse', metrics=['mae'])\n"
        f"model.save({str(tmp_path / 'model.safetensors')!r})"
    )
    code = f"from cnncore.saving import load_model\nm = load_model({str(tmp_path / 'model.safetensors')!r})\n"
    assert run(code + "print(type(m).__name__, type(m.optimizer).__name__)") == "Sequential Adam"


def test_an_unknown_name():
    code = "import cnncore\ntry:\n    cnncore.Sequentail\nexcept AttributeError as error:\n    print(error)"
    assert "Sequentail" in run(code)
