"""The line that a progress bar is drawn on: in a terminal, or in a notebook."""

from __future__ import annotations

import shutil
import sys
from typing import Any, Protocol

__all__ = ["Line", "NotebookLine", "TerminalLine", "in_notebook", "make_line"]


class Line(Protocol):
    """A place where one line of text is shown and replaced."""

    def columns(self) -> int: ...
    def show(self, text: str) -> None: ...
    def end(self, text: str | None) -> None: ...


class TerminalLine:
    """A line of a terminal."""

    def __init__(self) -> None:
        self._shown = ""

    def columns(self) -> int:
        """The width to fill, one less than the terminal's, so that no terminal moves on to the next line."""
        return max(shutil.get_terminal_size((80, 24)).columns - 1, 20)

    def show(self, text: str) -> None:
        """Replace the line."""
        if sys.stderr is not None:
            sys.stderr.write("\r" + text.ljust(len(self._shown)))
            sys.stderr.flush()
            self._shown = text

    def end(self, text: str | None) -> None:
        """Replace the line by its last text, which may have several lines, or leave it if that is None; begin a new
        line.
        """
        if sys.stderr is not None and (text is not None or self._shown):
            first, *rest = (self._shown if text is None else text).split("\n")
            sys.stderr.write("\n".join(["\r" + first.ljust(len(self._shown)), *rest]) + "\n")
            sys.stderr.flush()
        self._shown = ""


class NotebookLine:
    """An output of a notebook's cell; its last text is what stays when the notebook is saved."""

    def __init__(self, display: Any) -> None:
        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def columns(self) -> int:
        """A width that every cell of a notebook has."""
        return 100

    def show(self, text: str) -> None:
        """Replace the text."""
        self._handle.update({"text/plain": text}, raw=True)

    def end(self, text: str | None) -> None:
        """Replace the text by the last one."""
        if text is not None:
            self.show(text)


def make_line() -> TerminalLine | NotebookLine:
    """Where a progress bar is drawn."""
    if in_notebook():
        from IPython.display import display

        return NotebookLine(display)
    return TerminalLine()


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    return "ipykernel" in sys.modules
