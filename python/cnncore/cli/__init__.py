"""The command ``cnncore``: train, evaluate, predict, info.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 failed, 2 bad usage or input, 130 ended by
Ctrl-C, 143 by SIGTERM.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence

from cnncore.cli import signals
from cnncore.cli.parser import build_parser

__all__ = ["main"]

OK, FAILED, BAD_INPUT = 0, 1, 2

# Most errors of the operating system are about a path that the user gave: exit code 2. A full or failing disk, and a
# failed download, which has no errno, are not: exit code 1.
_FAILURES = (None, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: ``sys.argv[1:]``) and return the exit code.

    Examples
    --------
    >>> main(["predict", "no-such-file.safetensors", "digit.npy"])
    2
    """
    _ensure_streams()
    arguments = build_parser().parse_args(argv)
    code = _run(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        # Otherwise Python would try to flush stdout again at its end, and print another error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError) and code == OK:
            _report(arguments.command, error, FAILED)
        return code or FAILED
    return code


def _run(arguments: argparse.Namespace) -> int:
    try:
        # Imported only now, so that --help and a mistyped option answer at once.
        command = importlib.import_module(f"{__package__}.{arguments.module}")
        return int(command.run(arguments))
    except BrokenPipeError:
        return FAILED  # the program that reads our output has ended, as in `| head`
    except KeyboardInterrupt as error:
        return _report(arguments.command, "interrupted", signals.exit_code(error))
    except (ValueError, TypeError, ImportError, FileNotFoundError) as error:
        return _report(arguments.command, error, BAD_INPUT)
    except OSError as error:
        return _report(arguments.command, error, FAILED if error.errno in _FAILURES else BAD_INPUT)
    except (ArithmeticError, MemoryError, RuntimeError) as error:
        return _report(arguments.command, error, FAILED)


def _ensure_streams() -> None:
    """Open stdin, stdout and stderr if the shell closed them (``>&-``), so that no other file gets their numbers."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            break
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 (for the rest of the process)
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may have letters that this stream cannot write
        sys.stdout.reconfigure(errors="backslashreplace")


def _report(command: str, error: object, code: int) -> int:
    print(f"cnncore {command}: error: {error or type(error).__name__}", file=sys.stderr)
    return code
