"""The half of a model that computes: its layers, and the network of the core behind them.

``parts`` has the layers, inputs, outputs and weights, ``described`` and ``summary`` show them. ``graph_config`` and
``stored`` turn a model into plain data and back. ``network`` keeps the network of the core, which does not contain the
layers of ``augmentation``; ``sized_networks`` keeps one for each size of the data, and ``other_sizes`` takes data of
other sizes than a model was built for. ``with_tape`` and ``whole_model`` are calls that are recorded, or that run in
Python. ``protocol`` says what the half that trains may use.
"""

__all__ = [
    "augmentation",
    "call_metrics",
    "described",
    "frozen",
    "graph_config",
    "network",
    "old_words",
    "other_sizes",
    "parts",
    "protocol",
    "remembered",
    "sized_networks",
    "stored",
    "summary",
    "whole_model",
    "with_tape",
]
