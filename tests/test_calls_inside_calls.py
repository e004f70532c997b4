"""A network calls a layer or a loss in Python, which calls the same network again. Reading it works; changing it in the
middle of a call is refused. Neither waits for ever.
"""

import threading

import numpy as np
import pytest

from cnncore import _core

X = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)
LOSSES = [_core.Loss("mean_squared_error")]


class Nested:
    """A network with a layer in Python, which calls ``then`` once while the network computes."""

    def __init__(self):
        self.then = None
        graph = _core.GraphBuilder()
        hidden = graph.add("dense", [graph.input((4,))], "dense", units=4)
        output = graph.add("host", [hidden], "python", forward=self._forward, backward=lambda x, dy: [dy], shape=(4,))
        self.network = _core.Network(graph, [output])
        self.network.parameters("dense").write(0, np.eye(4, dtype=np.float32))
        self.optimizer = _core.Optimizer("sgd", self.network.parameter_count)

    def _forward(self, x, training):
        then, self.then = self.then, None
        if then is not None:
            then()
        return x[0]

    def forward(self):
        return self.network.forward([X])[0]

    def train(self):
        return self.network.train_step([X], [X], LOSSES, optimizer=self.optimizer)


OUTER = ("forward", "train")
READS = {
    "forward": lambda n: n.forward(),
    "get_parameters": lambda n: n.network.get_parameters(),
    "read": lambda n: n.network.parameters("dense").read(0),
}
CHANGES = {
    "train_step": lambda n: n.train(),
    "forward_training": lambda n: n.network.forward([X], training=True),
    "set_parameters": lambda n: n.network.set_parameters(np.zeros(n.network.parameter_count, np.float32)),
    "set_precision": lambda n: setattr(n.network, "precision", "bfloat16"),
    "set_regularizer": lambda n: n.network.set_regularizer(0, 0.1, 0.1),
    "describe": lambda n: n.network.describe(),
}


@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("inner", READS)
def test_reading_works(outer, inner):
    alone, nested = Nested(), Nested()
    expected, seen = READS[inner](alone), []
    nested.then = lambda: seen.append(READS[inner](nested))
    np.testing.assert_array_equal(getattr(nested, outer)(), getattr(alone, outer)())
    np.testing.assert_array_equal(seen[0], expected)


@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("inner", CHANGES)
def test_changing_is_refused(outer, inner):
    alone, nested = Nested(), Nested()
    nested.then = lambda: CHANGES[inner](nested)
    with pytest.raises(RuntimeError, match=rf"\[{inner}\] expected a network that is not in the middle of a call"):
        getattr(nested, outer)()
    np.testing.assert_array_equal(nested.train(), alone.train())  # as if nothing had happened
    np.testing.assert_array_equal(nested.forward(), alone.forward())


def test_reading_does_not_wait_for_a_writer_that_waits():
    """The writer waits for the outer call. If the inner one waited for the writer, none of them would go on."""
    nested = Nested()
    expected, started, seen = nested.forward(), threading.Event(), []

    def write():
        started.set()
        nested.network.set_parameters(np.zeros(nested.network.parameter_count, np.float32))

    writer = threading.Thread(target=write)

    def then():
        writer.start()
        started.wait()
        threading.Event().wait(0.05)  # the writer begins to wait
        seen.append(nested.forward())

    nested.then = then
    np.testing.assert_array_equal(nested.forward(), expected)
    writer.join()
    np.testing.assert_array_equal(seen[0], expected)
    np.testing.assert_array_equal(nested.forward(), np.zeros_like(expected))


def test_a_loss_may_predict():
    nested = Nested()
    expected, seen = nested.forward(), []

    def loss(y_true, y_pred, sample_weight):
        seen.append(nested.forward())
        return 0.0, np.zeros_like(y_pred)

    nested.network.train_step([X], [X], [loss], optimizer=nested.optimizer)
    np.testing.assert_array_equal(seen[0], expected)
