"""Where seeds come from: one process-wide stream, random until ``utils.set_random_seed`` is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    import numpy as np

_stream: random.Random | None = None


def reset_seed_stream(seed: int) -> None:
    """Make every later :func:`next_seed` a function of ``seed``."""
    import random

    global _stream
    _stream = random.Random(seed)


def next_seed() -> int:
    """A fresh 32-bit seed: from the stream, or from the operating system where nothing was seeded."""
    import random

    return (_stream or random.SystemRandom()).getrandbits(32)


def generator(*key: int) -> np.random.Generator:
    """A NumPy generator that depends on ``key`` only (non-negative ints)."""
    import numpy as np

    return np.random.Generator(np.random.PCG64(key))
