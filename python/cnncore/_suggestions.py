"""Names that were probably meant, for messages about names that are not known."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: object, known: Iterable[str]) -> str:
    """A sentence, with a space in front, that asks for the known name most similar to ``name``. Empty if none is
    similar.

    >>> nearest("acuracy", ["accuracy", "loss"])
    ' Did you mean "accuracy"?'
    """
    import difflib

    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(str(name)[:100].lower(), by_lower, n=1, cutoff=0.6)
    return f' Did you mean "{by_lower[matches[0]]}"?' if matches else ""
