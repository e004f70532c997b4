"""The table of Keras' public names in docs/keras_names.md: which are here, and why others are not.

``python tests/keras_names.py`` writes it; ``test_keras_names.py`` compares it with the installed Keras.
"""

import importlib
import os
import warnings
from pathlib import Path

from cnncore.layers import builtin
from cnncore.layers._not_here import REASONS as LAYERS

os.environ.setdefault("KERAS_BACKEND", "torch")

PAGE = Path(__file__).parents[1] / "docs" / "keras_names.md"

# Module of Keras -> reason -> names that are not here.
REASONS: dict[str, dict[str, tuple[str, ...]]] = {
    "layers": LAYERS,
    "activations": {
        "rare in small networks; write it as a NumPy function, or as a Layer with backward": (
            *("glu", "hard_shrink", "hard_tanh", "soft_shrink", "sparse_plus", "sparse_sigmoid", "sparsemax"),
            *("squareplus", "tanh_shrink", "threshold"),
        ),
    },
    "initializers": {"sound has to be turned into spectrograms before": ("STFT", "STFTInitializer", "stft")},
    "regularizers": {
        "the core knows the sums of absolute values and of squares; see the Orthogonal initializer": (
            *("OrthogonalRegularizer", "orthogonal_regularizer"),
        ),
    },
    "constraints": {},
    "losses": {
        "it compares sequences of any length": ("CTC", "ctc"),
        "it compares every sample with every other one of the batch": ("Circle", "circle"),
    },
    "metrics": {},
    "optimizers": {
        "it saves memory that small networks do not need: `Adam`": ("Adafactor",),
        "it is for batches of tens of thousands: `AdamW` with `clipnorm=`": ("Lamb",),
        "float32 and bfloat16 have the range that loss scaling makes up for in float16": ("LossScaleOptimizer",),
        "one optimizer trains a model: write an `Optimizer` whose `update` treats parts differently": (
            *("MultiOptimizer", "OptimizerMap"),
        ),
        "`AdamW` with `use_ema=True`": ("ScheduleFreeAdamW",),
    },
    "optimizers.schedules": {},
    "datasets": {"they hold no images": ("boston_housing", "california_housing", "imdb", "reuters")},
    "utils": {
        "for text, sound, tables or boxes in pictures": (
            *("FeatureSpace", "audio_dataset_from_directory", "bounding_boxes", "pad_sequences"),
            *("text_dataset_from_directory", "timeseries_dataset_from_array"),
        ),
        "`fit(verbose=...)` says what is shown": (
            *("Progbar", "disable_interactive_logging", "enable_interactive_logging", "is_interactive_logging_enabled"),
        ),
        "pooch downloads files: `pooch.retrieve`": ("get_file",),
        "`layers.serialize`, `losses.serialize`, ... for each kind of object": (
            *("deserialize_keras_object", "serialize_keras_object"),
        ),
        "`custom_object_scope` and `register_keras_serializable` do it": ("get_custom_objects",),
        "`plot_model` draws without it": ("model_to_dot",),
        "`model.inputs` says it": ("get_source_inputs",),
        "everything is float32": ("standardize_dtype",),
        "a dict does as well": ("Config",),
        "parts of Keras for its own use": ("legacy",),
    },
}

INTRODUCTION = """# Keras' names

Every public name of these modules of Keras {version}, and whether it is here. `cnncore.layers.Conv2D` stands for
`keras.layers.Conv2D`, and so on. The table is written by `python tests/keras_names.py` and compared with an installed
Keras by `tests/test_keras_names.py`.
"""


def keras():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("keras")


def theirs(module: str) -> list[str]:
    """Public names of a module of Keras."""
    names = dir(importlib.import_module(f"{keras().__name__}.{module}"))
    return sorted(name for name in names if not name.startswith("_"))


def ours(module: str) -> set[str]:
    """Names of the module of this package."""
    found = builtin if module == "layers" else importlib.import_module(f"cnncore.{module}")
    names = set(dir(found))
    return names | {"serialize", "deserialize"} if module == "layers" else names


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION.format(version=".".join(keras().__version__.split(".")[:2]))]
    for module, reasons in REASONS.items():
        names = theirs(module)
        here = [f"`{name}`" for name in names if name in ours(module)]
        parts.append(f"\n## {module}\n\nHere: {', '.join(here)}.\n")
        missing = set(names) - ours(module)
        rows = [(reason, [name for name in group if name in missing]) for reason, group in reasons.items()]
        if missing:
            parts.append("\n| not here | why |\n|---|---|\n")
        for reason, group in rows:
            if group:
                listed = ", ".join(f"`{name}`" for name in sorted(group))
                parts.append(f"| {listed} | {reason} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
