"""Models whose class defines its own ``train_step``, ``test_step`` or ``predict_step``.

``steps`` has the methods that such a class calls, ``loop`` goes through epochs and batches, and ``fit`` is the method
of the model. ``layers_of_loss`` finds losses that need such a step, because they compute with weights of the model.
"""

__all__ = ["fit", "layers_of_loss", "loop", "steps"]
