"""The option --threads."""

from __future__ import annotations

from cnncore import _core
from cnncore.cli.record import note

__all__ = ["set_threads"]


def set_threads(threads: int | None) -> None:
    """Set the number of threads, and warn if there are fewer cores, since the threads would wait for one another."""
    if threads is None:
        return
    cores = _core.default_num_threads()
    if threads > cores:
        note(f"--threads {threads} is more than the {cores} cores that this process may use, and slower than {cores}")
    _core.set_num_threads(threads)
