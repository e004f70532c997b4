"""Recurrent networks on sequences (batch, steps, features): simple_rnn, lstm and gru, with their gradients.

Each function goes through the steps of a sequence. In the backward pass it goes through them from the last to the first
(backpropagation through time; Werbos, 1990). Products of matrices are those of the core, whose threads do not wait for
each other as long as NumPy's do, and whose bits do not depend on their number.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from cnncore.differentiation import pullback, value_of
from cnncore.ops.activation import activation as named_activation
from cnncore.ops.definition import op, recorded, together
from cnncore.ops.matrix import dense, dense_backward

__all__ = ["gru", "lstm", "simple_rnn"]

_Back = Callable[[np.ndarray], list[np.ndarray]]


def _arrays(*items: Any) -> list[np.ndarray]:
    return [np.asarray(value_of(item), np.float32) for item in items]


def _rows(x: np.ndarray) -> np.ndarray:
    """Return (batch, steps, features) as (batch steps, features)."""
    return x.reshape(-1, x.shape[-1])


def _projected(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return np.reshape(dense(_rows(x), kernel, bias), (*x.shape[:2], len(bias)))


def _of_projection(x: np.ndarray, kernel: np.ndarray, dz: np.ndarray) -> list[np.ndarray]:
    """Return the gradients of x, kernel and bias from that of the projection."""
    dx, dkernel, dbias = dense_backward(_rows(x), kernel, _rows(dz))
    return [dx.reshape(x.shape), dkernel, dbias]


def _of_recurrence(h: np.ndarray, kernel: np.ndarray, dz: np.ndarray) -> np.ndarray:
    """Return the gradient of the recurrent kernel: the sum over all steps, in one product."""
    return dense_backward(_rows(h), kernel, _rows(dz))[1]


def _function(activation: Any) -> Callable[[Any], Any]:
    """Return an activation of this package by its name, or the function itself."""
    if not isinstance(activation, str):
        return activation  # type: ignore[no-any-return]
    return functools.partial(named_activation, kind=activation)


def _masked(h: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Multiply states, (batch, units) or those of all steps, by a mask (batch, units)."""
    if mask is None:
        return h
    wide = mask if h.ndim == mask.ndim else np.expand_dims(mask, 1)
    return np.asarray(h * wide)


def _skip(ys: np.ndarray, t: int, used: np.ndarray | None) -> None:
    """Copy the states before step t of samples that do not use it, to those after it."""
    if used is not None:
        ys[:, t + 1] = np.where(used[:, t, np.newaxis], ys[:, t + 1], ys[:, t])


def _passing(total: np.ndarray, t: int, used: np.ndarray | None) -> tuple[np.ndarray, Any]:
    """Divide the gradient of a state after step t into the parts that go through the step, and past it."""
    if used is None:
        return total, 0
    through = total * used[:, t, np.newaxis]
    return through, total - through


def _steps(count: int) -> range:
    return range(count - 1, -1, -1)


@op
def simple_rnn(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    h: Any,
    activation: Any,
    mask: Any = None,
    used: Any = None,
) -> Any:
    """Compute h = activation(x kernel + h recurrent_kernel + bias) for each step.

    Parameters
    ----------
    x : array, (batch, steps, features)
    kernel, recurrent_kernel, bias : array, (features, units), (units, units) and (units,)
    h : array, (batch, units)
        The state before the first step.
    activation : callable or str
        A function of arrays whose gradient is known, or the name of one of :func:`activation`.
    mask : array, (batch, units), optional
        The state is multiplied by it before each product with ``recurrent_kernel``.
    used : array of bool, (batch, steps), optional
        Steps of samples that are not used leave the states as they are.

    Returns
    -------
    array, (batch, steps, units)
        The state after each step.

    Examples
    --------
    >>> one = np.ones((1, 1), np.float32)
    >>> simple_rnn(np.ones((1, 3, 1)), one, one, np.zeros(1), np.zeros((1, 1)), lambda z: z * 1).ravel()
    array([1., 2., 3.], dtype=float32)
    """
    xs, w, u, b, state = _arrays(x, kernel, recurrent_kernel, bias, h)
    z, f = _projected(xs, w, b), _function(activation)
    backs: list[_Back] = []
    ys = np.empty((len(xs), xs.shape[1] + 1, len(u)), np.float32)
    ys[:, 0] = state
    for t in range(xs.shape[1]):
        ys[:, t + 1], back = pullback(f, [z[:, t] + dense(_masked(ys[:, t], mask), u)])
        backs.append(back)
        _skip(ys, t, used)

    def gradients(dy: np.ndarray) -> list[np.ndarray]:
        dz, dh, transposed = np.empty_like(z), np.zeros_like(state), np.ascontiguousarray(u.T)
        for t in _steps(len(backs)):
            total, past = _passing(dy[:, t] + dh, t, used)
            (dz[:, t],) = backs[t](total)
            dh = _masked(dense(dz[:, t], transposed), mask) + past
        dx, dw, db = _of_projection(xs, w, dz)
        return [dx, dw, _of_recurrence(_masked(ys[:, :-1], mask), u, dz), db, dh]

    return recorded(ys[:, 1:], together([x, kernel, recurrent_kernel, bias, h], gradients))


@op
def lstm(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    h: Any,
    c: Any,
    activation: Any,
    recurrent_activation: Any,
    mask: Any = None,
    used: Any = None,
) -> Any:
    """Go through a sequence with long short-term memory (Hochreiter and Schmidhuber, 1997).

    With z = x kernel + h recurrent_kernel + bias, which has four parts i, f, g and o, and s = recurrent_activation:
    c = s(f) c + s(i) activation(g), and h = s(o) activation(c).

    Parameters
    ----------
    x : array, (batch, steps, features)
    kernel, recurrent_kernel, bias : array, (features, 4 units), (units, 4 units) and (4 units,)
    h, c : array, (batch, units)
        The states before the first step.
    activation, recurrent_activation : callable or str
        Functions of arrays whose gradients are known, or names of those of :func:`activation`.
    mask : array, (batch, units), optional
        h is multiplied by it before each product with ``recurrent_kernel``.
    used : array of bool, (batch, steps), optional
        Steps of samples that are not used leave the states as they are.

    Returns
    -------
    array, (batch, steps, 2 units)
        h and c after each step.

    Examples
    --------
    >>> state, zeros = np.zeros((1, 2)), np.zeros
    >>> lstm(zeros((1, 3, 1)), zeros((1, 8)), zeros((2, 8)), zeros(8), state, state, np.tanh, np.tanh).shape
    (1, 3, 4)
    """
    xs, w, u, b, h0, c0 = _arrays(x, kernel, recurrent_kernel, bias, h, c)
    z, units = _projected(xs, w, b), len(u)
    main, gate = _function(activation), _function(recurrent_activation)
    saved: list[Any] = []
    ys = np.empty((len(xs), xs.shape[1] + 1, 2 * units), np.float32)
    ys[:, 0, :units], ys[:, 0, units:] = h0, c0
    for t in range(xs.shape[1]):
        before = ys[:, t, units:]
        i, f, g, o = np.split(z[:, t] + dense(_masked(ys[:, t, :units], mask), u), 4, axis=-1)
        (si, back_i), (sf, back_f) = pullback(gate, [i]), pullback(gate, [f])
        (ag, back_g), (so, back_o) = pullback(main, [g]), pullback(gate, [o])
        ac, back_c = pullback(main, [sf * before + si * ag])
        ys[:, t + 1, units:] = sf * before + si * ag
        ys[:, t + 1, :units] = so * ac
        saved.append(((si, sf, ag, so, ac), (back_i, back_f, back_g, back_o, back_c)))
        _skip(ys, t, used)

    def gradients(dy: np.ndarray) -> list[np.ndarray]:
        dz, transposed = np.empty_like(z), np.ascontiguousarray(u.T)
        dh, dc = np.zeros_like(h0), np.zeros_like(c0)
        for t in _steps(len(saved)):
            (si, sf, ag, so, ac), (back_i, back_f, back_g, back_o, back_c) = saved[t]
            dh, past_h = _passing(dh + dy[:, t, :units], t, used)
            dc, past_c = _passing(dc + dy[:, t, units:], t, used)
            dc = dc + back_c(dh * so)[0]
            parts = back_i(dc * ag) + back_f(dc * ys[:, t, units:]) + back_g(dc * si) + back_o(dh * ac)
            dz[:, t] = np.concatenate(parts, axis=-1)
            dh, dc = _masked(dense(dz[:, t], transposed), mask) + past_h, dc * sf + past_c
        dx, dw, db = _of_projection(xs, w, dz)
        du = _of_recurrence(_masked(ys[:, :-1, :units], mask), u, dz)
        return [dx, dw, du, db, dh, dc]

    return recorded(ys[:, 1:], together([x, kernel, recurrent_kernel, bias, h, c], gradients))


@op
def gru(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    recurrent_bias: Any,
    h: Any,
    activation: Any,
    recurrent_activation: Any,
    reset_after: bool = True,
    mask: Any = None,
    used: Any = None,
) -> Any:
    """Go through a sequence with gated recurrent units (Cho et al., 2014).

    The projections of x have three parts z, r and g. With s = recurrent_activation: z and r get the products of h and
    pass through s; g = activation(g + r (h recurrent_kernel + recurrent_bias)); and h = s(z) h + (1 - s(z)) g. Without
    ``reset_after``, g = activation(g + (r h) recurrent_kernel + recurrent_bias).

    Parameters
    ----------
    x : array, (batch, steps, features)
    kernel, recurrent_kernel : array, (features, 3 units) and (units, 3 units)
    bias, recurrent_bias : array, (3 units,)
    h : array, (batch, units)
        The state before the first step.
    activation, recurrent_activation : callable or str
        Functions of arrays whose gradients are known, or names of those of :func:`activation`.
    reset_after : bool, default True
    mask : array, (batch, units), optional
        h is multiplied by it before each product with ``recurrent_kernel``.
    used : array of bool, (batch, steps), optional
        Steps of samples that are not used leave the states as they are.

    Returns
    -------
    array, (batch, steps, units)
        The state after each step.

    Examples
    --------
    >>> zeros = np.zeros
    >>> gru(zeros((1, 3, 1)), zeros((1, 6)), zeros((2, 6)), zeros(6), zeros(6), zeros((1, 2)), np.tanh, np.tanh).shape
    (1, 3, 2)
    """
    xs, w, u, b, rb, state = _arrays(x, kernel, recurrent_kernel, bias, recurrent_bias, h)
    z, units = _projected(xs, w, b), len(u)
    gates, first, last = 2 * units, np.ascontiguousarray(u[:, : 2 * units]), np.ascontiguousarray(u[:, 2 * units :])
    main, gate = _function(activation), _function(recurrent_activation)
    saved: list[Any] = []
    ys = np.empty((len(xs), xs.shape[1] + 1, units), np.float32)
    ys[:, 0] = state
    for t in range(xs.shape[1]):
        before = _masked(ys[:, t], mask)
        open_z, open_r = np.split(z[:, t, :gates] + dense(before, first, rb[:gates]), 2, axis=-1)
        (sz, back_z), (sr, back_r) = pullback(gate, [open_z]), pullback(gate, [open_r])
        inner = dense(before if reset_after else sr * before, last, rb[gates:])
        new, back_g = pullback(main, [z[:, t, gates:] + (sr * inner if reset_after else inner)])
        ys[:, t + 1] = sz * before + (1 - sz) * new  # as in Keras, with the masked state
        saved.append((sz, sr, inner, new, back_z, back_r, back_g))
        _skip(ys, t, used)

    def gradients(dy: np.ndarray) -> list[np.ndarray]:
        dz, dh = np.empty_like(z), np.zeros_like(state)
        d_inners, afters = np.empty_like(z[:, :, gates:]), np.empty_like(z[:, :, gates:])
        first_transposed, last_transposed = np.ascontiguousarray(first.T), np.ascontiguousarray(last.T)
        for t in _steps(len(saved)):
            sz, sr, inner, new, back_z, back_r, back_g = saved[t]
            before, (total, past) = _masked(ys[:, t], mask), _passing(dh + dy[:, t], t, used)
            (dg,) = back_g(total * (1 - sz))
            d_inner = dg * sr if reset_after else dg
            d_last = dense(d_inner, last_transposed)
            (dr,) = back_r(dg * inner if reset_after else d_last * before)
            (dopen,) = back_z(total * (before - new))
            dz[:, t] = np.concatenate([dopen, dr, dg], axis=-1)
            d_inners[:, t], afters[:, t] = d_inner, before if reset_after else sr * before
            through = dense(dz[:, t, :gates], first_transposed) + (d_last if reset_after else d_last * sr)
            dh = _masked(total * sz + through, mask) + past
        dx, dw, db = _of_projection(xs, w, dz)
        _, du_first, drb_first = dense_backward(_rows(_masked(ys[:, :-1], mask)), first, _rows(dz[:, :, :gates]))
        _, du_last, drb_last = dense_backward(_rows(afters), last, _rows(d_inners))
        du, drb = np.concatenate([du_first, du_last], axis=1), np.concatenate([drb_first, drb_last])
        return [dx, dw, du, db, drb, dh]

    return recorded(ys[:, 1:], together([x, kernel, recurrent_kernel, bias, recurrent_bias, h], gradients))
