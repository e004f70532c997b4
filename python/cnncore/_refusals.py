"""Errors of functions of arrays: they say which function it was, and what it received.

Arguments are checked by the functions themselves where a wrong one would go unnoticed. The rest is left to NumPy, whose
errors name neither.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

__all__ = ["names_itself"]

F = TypeVar("F", bound=Callable[..., Any])
_SHOWN = 40  # characters of an argument in a message


def names_itself(function: F, name: str | None = None) -> F:
    """Let the errors that NumPy raises in a function name the function and its arguments.

    Parameters
    ----------
    function : callable
    name : str, optional
        What errors call the function, if that is not its own name.

    Examples
    --------
    >>> @names_itself
    ... def half(x):
    ...     return np.divide(x, 2)
    >>> half("a")
    Traceback (most recent call last):
    TypeError: [half] expected arguments that fit ... Received: 'a'
    """
    shown = function.__name__ if name is None else name

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if _says_enough(error, shown):
                raise
            raise _refusal(shown, error, args, kwargs) from error

    return called  # type: ignore[return-value]


def _says_enough(error: Exception, name: str) -> bool:
    """Whether an error is one of ours, or Python's about the names of arguments, or says more than that arguments are
    wrong.
    """
    wrong = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, StopIteration)
    if not isinstance(error, wrong) or isinstance(error, np.linalg.LinAlgError):
        return True
    text = str(error)
    of_names = text.startswith((f"{name}() got ", f"{name}() missing ", f"{name}() takes "))
    return "Received: " in text or of_names or type(error).__module__.startswith("cnncore")


def _refusal(name: str, error: Exception, args: Sequence[Any], kwargs: dict[str, Any]) -> Exception:
    received = [_described(x) for x in args] + [f"{key}={_described(x)}" for key, x in kwargs.items()]
    kind = TypeError if isinstance(error, (TypeError, AttributeError)) else ValueError
    reason = " ".join(str(error).split()) or type(error).__name__
    return kind(f"[{name}] expected arguments that fit the function ({reason}). Received: {', '.join(received)}")


def _described(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return f"an array of {x.dtype} with shape {x.shape}"
    try:
        text = repr(x)
    except Exception:  # an object of a class whose repr fails
        return f"an object of the class {type(x).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
