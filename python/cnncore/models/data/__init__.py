"""From what users pass as data to batches.

``arrange`` brings it into the order of a model's inputs or outputs, ``arrays`` turns it into arrays, and ``signature``
says what a model expects and checks it. ``sources`` and ``streams`` give batches, ``augmenter`` changes their images,
and ``class_weights`` makes weights of samples.
"""

__all__ = ["arrange", "arrays", "augmenter", "class_weights", "signature", "sources", "streams"]
