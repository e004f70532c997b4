"""Small scripts, written the way tutorials for Keras are: each runs as it stands."""

import runpy
from pathlib import Path

import pytest

SCRIPTS = sorted(Path(__file__).with_name("scripts").glob("*.py"))
NEEDS = {
    "data_loader": "torch",
    "drawings": "matplotlib",
    "logs_for_tensorboard": "tensorboardX",
    "pandas_regression": "pandas",
    "pictures_in_folders": "PIL",
    "search_of_hyperparameters": "sklearn",
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script(script, tmp_path, monkeypatch):
    pytest.importorskip(NEEDS.get(script.stem, "numpy"))
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script), run_name="__main__")


def test_there_are_scripts():
    assert len(SCRIPTS) >= 30
