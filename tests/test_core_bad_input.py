"""Arguments of ``cnncore._core`` that make no sense: each is an error with a message, and none ends the process."""

import numpy as np
import pytest

from cnncore import _core


def graph_of(*shape):
    graph = _core.GraphBuilder()
    return graph, graph.input(shape)


def host(shape, forward=lambda x, training: x[0], **attributes):
    graph, x = graph_of(4)
    y = graph.add("host", [x], "h", forward=forward, shape=shape, **attributes)
    return _core.Network(graph, [y]).forward([np.zeros((2, 4), np.float32)])


def train_host(gradients):
    graph, x = graph_of(4)
    x = graph.add("dense", [x], "d", units=4)
    y = graph.add("host", [x], "h", forward=lambda x, t: x[0], backward=lambda x, dy: gradients(dy), shape=(4,))
    zeros = np.zeros((2, 4), np.float32)
    _core.Network(graph, [y]).train_step([zeros], [zeros], [_core.Loss("mean_squared_error")])


def dense_with(weights):
    graph, x = graph_of(4)
    y = graph.add("dense", [x], "d", units=3, weights=weights)
    return _core.Network(graph, [y])


def train_dense(**arguments):
    graph, x = graph_of(4)
    network = _core.Network(graph, [graph.add("dense", [x], "d", units=3)])
    x, y = np.zeros((2, 4), np.float32), np.zeros((2, 3), np.float32)
    network.train_step([x], [y], [_core.Loss("mean_squared_error")], **arguments)


def labels_of_single_values():
    graph, x = graph_of(1)
    network = _core.Network(graph, [graph.add("reshape", [x], "r", shape=())])
    loss = _core.Loss("sparse_categorical_crossentropy")
    network.train_step([np.zeros((2, 1), np.float32)], [np.zeros(2, np.int64)], [loss])


def reshape_to(shape):
    graph, x = graph_of(3)
    return graph.add("reshape", [x], "r", shape=shape)


def with_itself():
    numbers = []
    numbers.append(numbers)
    return numbers


# id: (call, exception, words of the message)
BAD = {
    "weight -1": (lambda: dense_with([-1, 0]), ValueError, "weights.*Received: -1"),
    "weight 2**40": (lambda: dense_with([0, 2**40]), ValueError, "weights.*Received: 1099511627776"),
    "weight of a host": (lambda: host((4,), parameters=[(3,)], weights=[-1]), ValueError, "weights.*Received: -1"),
    "host: size -4": (lambda: host((-4,)), ValueError, r"positive sizes. Received: \(-4,\)"),
    "host: size 0": (lambda: host((0,)), ValueError, r"positive sizes. Received: \(0,\)"),
    "host: large": (lambda: host((2**33,)), ValueError, "at most"),
    "host: product overflows": (lambda: host((2**62, 4)), ValueError, "64 bits"),
    "host: no shape": (lambda: host(None), ValueError, r'layer "h": \[host\] expected the shape.*Received: None'),
    "host: shape is a text": (lambda: host("a"), TypeError, r'layer "h": \[host\] expected `shape`.*Received: \'a\''),
    "host: parameters": (lambda: host((4,), parameters="a"), TypeError, "expected `parameters`.*Received: 'a'"),
    "host: trainable": (lambda: host((4,), trainable="a"), TypeError, "expected `trainable`.*Received: 'a'"),
    "host: None": (lambda: host((4,), lambda x, t: None), ValueError, 'layer "h": expected the result of call'),
    "host: text": (lambda: host((4,), lambda x, t: "a"), ValueError, 'layer "h": expected an array.*Received: str'),
    "backward: None": (lambda: train_host(lambda dy: None), ValueError, "list of gradients.*Received: NoneType"),
    "backward: number": (lambda: train_host(lambda dy: 3), ValueError, "list of gradients.*Received: int"),
    "backward: no gradient": (lambda: train_host(lambda dy: []), ValueError, "expected 1 gradients.*Received: 0"),
    "backward: small": (lambda: train_host(lambda dy: [dy[:1]]), ValueError, r"8 values. Received: shape \(1, 4\)"),
    "outputs: none": (lambda: train_dense(outputs=[]), ValueError, r"for each output. Received: \[\]"),
    "outputs: number": (lambda: train_dense(outputs=3), ValueError, "for each output. Received: 3"),
    "labels of single values": (labels_of_single_values, ValueError, "a single value for each sample"),
    "a list with itself": (lambda: reshape_to(with_itself()), RecursionError, "attribute"),
    "2**70 in a list": (lambda: reshape_to([2**70]), ValueError, "shape to fit 64 bits"),
    "2**63 in a list": (lambda: reshape_to([2**63]), ValueError, "positive sizes"),
    "half a character": (lambda: graph_of(3)[0].add("activation", [0], "a", kind="\ud800"), ValueError, "surrogates"),
    "huge optimizer": (lambda: _core.Optimizer("adam", 2**62), ValueError, r"\[optimizer\].*fit memory"),
}


@pytest.mark.parametrize("name", BAD)
def test_it_is_refused(name):
    call, exception, message = BAD[name]
    with pytest.raises(exception, match=message):
        call()


def test_whole_numbers_in_a_list_are_exact():
    graph, x = graph_of(3)
    with pytest.raises(ValueError, match=rf"\({2**53 + 1},\)"):
        graph.add("reshape", [x], "r", shape=[2**53 + 1])
