"""Every public name of Keras' modules is here, or docs/keras_names.md says why not."""

import pytest

import keras_names

pytest.importorskip("torch")
pytest.importorskip("keras")


@pytest.mark.parametrize("module", keras_names.REASONS)
def test_every_name_is_here_or_has_a_reason(module):
    explained = [name for names in keras_names.REASONS[module].values() for name in names]
    assert len(set(explained)) == len(explained)
    missing = set(keras_names.theirs(module)) - keras_names.ours(module)
    assert missing <= set(explained)
    assert not set(explained) & keras_names.ours(module), "these are here and need no reason"


def test_the_page_is_up_to_date():
    assert keras_names.PAGE.read_text(encoding="utf-8") == keras_names.page(), "run python tests/keras_names.py"
