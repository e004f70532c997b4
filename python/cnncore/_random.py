"""The seeds of all random numbers. They come from one stream of the process that ``utils.set_random_seed`` begins anew;
before that they are drawn from the operating system.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

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


class SeedSequence:
    """A seed, and how many random arrays have been made with it."""

    seed: int
    count: int


def generator(*key: int) -> np.random.Generator:
    """A NumPy generator that depends on ``key`` only (non-negative ints)."""
    import numpy as np

    return np.random.Generator(np.random.PCG64(key))


def is_generator(value: Any) -> bool:
    """Whether ``value`` gives random numbers or seeds, and its state can be written to a file."""
    return isinstance(value, SeedSequence) or type(getattr(value, "bit_generator", None)).__name__ == "PCG64"


@contextlib.contextmanager
def unused(owners: Iterable[Any]) -> Iterator[None]:
    """Give the generators that are attributes of ``owners`` back the states that they had before the block."""
    generators = [value for owner in owners for value in vars(owner).values() if is_generator(value)]
    states = [item.count if isinstance(item, SeedSequence) else item.bit_generator.state for item in generators]
    try:
        yield
    finally:
        for item, state in zip(generators, states, strict=True):
            if isinstance(item, SeedSequence):
                item.count = state
            else:
                item.bit_generator.state = state
