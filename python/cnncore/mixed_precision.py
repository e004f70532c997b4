"""The names of ``keras.mixed_precision``. Weights and activations are float32 here, whatever a policy says.

``compile(precision="bfloat16")`` chooses how products are computed, which is what makes training faster.
"""

from __future__ import annotations

import warnings
from typing import Any

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]

_KNOWN = ("float32", "mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64")


class DTypePolicy:
    """The types in which a layer computes and keeps its weights; both are float32.

    Parameters
    ----------
    name : str, default "float32"
        Other names that Keras has, such as "mixed_float16", are taken with a warning.

    Examples
    --------
    >>> DTypePolicy("float32").compute_dtype
    'float32'
    """

    compute_dtype = variable_dtype = "float32"

    def __init__(self, name: str = "float32") -> None:
        if not isinstance(name, str) or name not in _KNOWN:
            raise ValueError(f"[DTypePolicy] expected one of {', '.join(_KNOWN)}. Received: name={name!r}")
        if name != "float32":
            warnings.warn(
                f"[DTypePolicy] {name!r} computes in float32 here; compile(precision='bfloat16') chooses how products "
                "are computed.",
                UserWarning,
                stacklevel=3,
            )
        self.name = "float32"

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


Policy = DTypePolicy


def dtype_policy() -> DTypePolicy:
    """Return the policy of new layers, which is always "float32"."""
    return DTypePolicy()


def set_dtype_policy(policy: str | DTypePolicy) -> None:
    """Accept the name of a policy. Every other one than "float32" is taken with a warning, and changes nothing.

    Parameters
    ----------
    policy : str or DTypePolicy

    Examples
    --------
    >>> set_dtype_policy("float32")
    """
    if not isinstance(policy, DTypePolicy):
        DTypePolicy(policy)


global_policy, set_global_policy = dtype_policy, set_dtype_policy


def LossScaleOptimizer(  # noqa: N802 (Keras' name)
    inner_optimizer: Any,
    initial_scale: float = 32768.0,
    dynamic_growth_steps: int = 2000,
    name: str | None = None,
    **kwargs: Any,
) -> Any:
    """Return ``inner_optimizer``: float32 has the range that scaling the loss makes up for in float16.

    Parameters
    ----------
    inner_optimizer : Optimizer
    initial_scale, dynamic_growth_steps, name
        Accepted for compatibility with Keras, and not used.
    **kwargs
        As the others.

    Raises
    ------
    TypeError
        If ``inner_optimizer`` is no optimizer.

    Examples
    --------
    >>> from cnncore.optimizers import SGD
    >>> LossScaleOptimizer(SGD(0.5)).get_config()["learning_rate"]
    0.5
    """
    if not hasattr(inner_optimizer, "apply_gradients"):
        raise TypeError(f"[LossScaleOptimizer] expected an optimizer. Received: {inner_optimizer!r:.80}")
    return inner_optimizer
