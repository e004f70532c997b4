"""Functions of cnncore.ops that leave checks to NumPy name themselves and their arguments when NumPy refuses them."""

import re

import numpy as np
import pytest

from cnncore import ops

M = np.eye(3, dtype=np.float32)
RAGGED = [[1], [1, 2]]

REFUSED = {
    "text": (lambda: ops.clip(M, "a", "b"), TypeError, "[clip] expected arguments that fit", "'a', 'b'"),
    "a mode": (lambda: ops.pad(M, 1, mode="nope"), ValueError, "mode 'nope' is not supported", "mode='nope'"),
    "an axis": (lambda: ops.sum(M, axis=5), ValueError, "[sum] .*axis 5 is out of bounds", "axis=5"),
    "shapes": (lambda: ops.matmul(M, M[:2]), ValueError, "[matmul]", "float32 with shape (2, 3)"),
    "ragged lists": (lambda: ops.softmax(RAGGED), ValueError, "[softmax]", "[[1], [1, 2]]"),
    "an axis that is no axis": (lambda: ops.logsumexp(M, axis="a"), TypeError, "[logsumexp]", "axis='a'"),
    "a place": (lambda: ops.get_item(M, "a"), ValueError, "[get_item]", "'a'"),
    "an index": (lambda: ops.take(M, [70]), ValueError, "[take]", "[70]"),
    "no kernel": (lambda: ops.conv(np.ones((1, 4, 4, 1)), None), TypeError, "[conv] expected kernel", "object"),
    "0-d": (lambda: ops.max_pool2d(np.ones((1, 4, 4, 1)), np.array(1.5)), TypeError, "`pool_size`", "array(1.5)"),
    "no axis": (lambda: ops.scan(lambda c, x: (c, x), 0, 3.0), ValueError, "[scan] expected `xs`", "shape ()"),
    "no entry": (lambda: ops.associative_scan(np.add, np.ones(0)), ValueError, "at least one", "[0]"),
    "another axis": (lambda: ops.associative_scan(np.add, M, axis=2), ValueError, "with an axis 2", "(3, 3)"),
    "a choice": (lambda: ops.switch("a", [print]), TypeError, "[switch] expected `index`", "index='a'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_function_and_its_arguments_are_named(name):
    call, error, message, received = REFUSED[name]
    with pytest.raises(error) as raised:
        call()
    text = str(raised.value)
    assert re.search(message.replace("[", r"\["), text), text
    assert received in text.rpartition("Received: ")[2], text


def test_what_says_enough_stays():
    with pytest.raises(TypeError, match=r"^moments\(\) got an unexpected keyword argument 'axis'"):
        ops.moments(M, axis=0)
    with pytest.raises(np.linalg.LinAlgError, match=r"^Singular matrix"):
        ops.inv(np.zeros((2, 2)))
    with pytest.raises(ZeroDivisionError):  # of the function that the user wrote
        ops.scan(lambda carry, x: 1 / 0, 0, M)
