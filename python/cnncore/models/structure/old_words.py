"""Methods and arguments of Keras 2 that have another name in Keras 3. Using one gives a warning with today's name."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

__all__ = ["OldWords", "check_format", "check_reset", "fit_arguments"]

_WITHOUT_EFFECT = ("workers", "use_multiprocessing", "max_queue_size")


def fit_arguments(old_words: dict[str, Any], epochs: int) -> int:
    """The number of epochs that a call of ``fit`` with arguments of Keras 2 asks for. An argument that never existed is
    a TypeError.
    """
    for word, value in old_words.items():
        if word == "nb_epoch":
            _warn("nb_epoch=", "epochs=")
            epochs = value
        elif word in _WITHOUT_EFFECT:
            warnings.warn(
                f"`{word}` is an argument of the data set today: PyDataset({word}={value!r}).",
                DeprecationWarning,
                stacklevel=3,
            )
        else:
            raise TypeError(f"fit() got an unexpected keyword argument {word!r}")
    return epochs


def check_format(save_format: str | None, filepath: Any) -> None:
    """Warn of the argument ``save_format`` of Keras 2 if it agrees with the name of the file; else raise an error."""
    if save_format is None:
        return
    ends = {"h5": (".h5", ".hdf5"), "hdf5": (".h5", ".hdf5"), "keras": (".keras",)}.get(save_format, ())
    if not ends or not str(filepath).endswith(ends):
        raise ValueError(
            "[save] expected no `save_format`: a file whose name ends in .keras or .h5 has that format, and the format "
            f"tf is not written. Received: filepath={str(filepath)!r}, {save_format=}"
        )
    _warn("save_format=", "a name that ends in .keras or .h5")


class OldWords:
    """The generator methods of Keras 2, and its methods of classifiers."""

    def predict_classes(self, x: Any, batch_size: int | None = None, verbose: str | int = 0) -> np.ndarray:
        """The class of each sample: the index of the largest output, or 1 if a single output is above 0.5, else 0."""
        _warn("predict_classes(x)", "np.argmax(model.predict(x), axis=-1)")
        values = np.asarray(self.predict(x, batch_size=batch_size, verbose=verbose))  # type: ignore[attr-defined]
        return values.argmax(axis=-1) if values.ndim > 1 and values.shape[-1] > 1 else (values > 0.5).astype(np.int32)

    def _make_predict_function(self) -> Any:
        """A method of Keras 2 that scripts call before threads use a model, which is not needed here."""
        _warn("_make_predict_function()", "make_predict_function()")
        return self.make_predict_function()  # type: ignore[attr-defined]

    def predict_proba(self, x: Any, batch_size: int | None = None, verbose: str | int = 0) -> Any:
        """Keras 2's name of ``predict`` for classifiers."""
        _warn("predict_proba", "predict")
        return self.predict(x, batch_size=batch_size, verbose=verbose)  # type: ignore[attr-defined]

    def fit_generator(
        self,
        generator: Any,
        steps_per_epoch: int | None = None,
        epochs: int = 1,
        verbose: str | int = 1,
        callbacks: Any = None,
        validation_data: Any = None,
        validation_steps: int | None = None,
        validation_freq: Any = 1,
        class_weight: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        shuffle: bool = True,
        initial_epoch: int = 0,
    ) -> Any:
        """Keras 2's name of ``fit`` with a source of batches."""
        _warn("fit_generator", "fit")
        return self.fit(  # type: ignore[attr-defined]
            generator,
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
            class_weight=class_weight,
            shuffle=shuffle,
            initial_epoch=initial_epoch,
        )

    def evaluate_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: str | int = 0,
    ) -> Any:
        """Keras 2's name of ``evaluate`` with a source of batches."""
        _warn("evaluate_generator", "evaluate")
        return self.evaluate(generator, steps=steps, callbacks=callbacks, verbose=verbose)  # type: ignore[attr-defined]

    def predict_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: str | int = 0,
    ) -> Any:
        """Keras 2's name of ``predict`` with a source of batches."""
        _warn("predict_generator", "predict")
        return self.predict(generator, steps=steps, callbacks=callbacks, verbose=verbose)  # type: ignore[attr-defined]


def check_reset(reset_metrics: bool, owner: str) -> None:
    """Refuse Keras 2's ``reset_metrics=False``."""
    if not reset_metrics:
        raise ValueError(
            f"[{owner}] expected reset_metrics=True, because the result is always that of this batch alone. For values "
            "over several batches, update a metric of your own, or call evaluate. Received: reset_metrics=False"
        )


def _warn(old: str, new: str) -> None:
    warnings.warn(f"`{old}` is now called `{new}`.", DeprecationWarning, stacklevel=3)
