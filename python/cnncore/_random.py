"""The seeds of all random numbers. They come from one stream of the process that ``utils.set_random_seed`` begins anew;
before that they are drawn from the operating system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    import numpy as np

_stream: random.Random | None = None


def reset_seed_stream(seed: int) -> None:
    """Make all later results of :func:`next_seed` depend on ``seed`` only."""
    import random

    global _stream
    _stream = random.Random(seed)


def next_seed() -> int:
    """A new 32-bit seed: from the stream, or from the operating system if no seed was set."""
    import random

    return (_stream or random.SystemRandom()).getrandbits(32)


def generator(*key: int) -> np.random.Generator:
    """A NumPy generator that depends on ``key`` only (non-negative ints)."""
    import numpy as np

    return np.random.Generator(np.random.PCG64(key))
