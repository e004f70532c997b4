"""One seed for all random numbers."""

from __future__ import annotations

import numpy as np

from cnncore._checks import integer
from cnncore._random import reset_seed_stream

__all__ = ["set_random_seed"]


def set_random_seed(seed: int) -> None:
    """Make all following random numbers repeatable: initial weights, dropout and shuffling, and also ``random`` and
    ``numpy.random``.

    Parameters
    ----------
    seed : int
        At least 0 and less than 2**31.

    Examples
    --------
    >>> from cnncore import initializers, utils
    >>> utils.set_random_seed(1)
    >>> a = initializers.GlorotUniform()((3, 3))
    >>> utils.set_random_seed(1)
    >>> bool((a == initializers.GlorotUniform()((3, 3))).all())
    True
    """
    import random

    seed = integer(seed, "seed", "set_random_seed", minimum=0)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (for scripts that use NumPy's old global random numbers)
    reset_seed_stream(seed)
