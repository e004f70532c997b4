"""Whether fit shows its progress where a script does not say so."""

from __future__ import annotations

__all__ = ["disable_interactive_logging", "enable_interactive_logging", "is_interactive_logging_enabled"]


class _State:
    enabled = True


def enable_interactive_logging() -> None:
    """Let ``fit(verbose="auto")`` show its progress, as it does in a new process."""
    _State.enabled = True


def disable_interactive_logging() -> None:
    """Let ``fit(verbose="auto")`` show nothing.

    Examples
    --------
    >>> disable_interactive_logging()
    >>> is_interactive_logging_enabled()
    False
    >>> enable_interactive_logging()
    """
    _State.enabled = False


def is_interactive_logging_enabled() -> bool:
    """Whether ``fit(verbose="auto")`` shows its progress."""
    return _State.enabled
