"""Chance that is the same twice."""

from random import Random


def chance(*seeds: object) -> Random:
    """Random numbers that depend on `seeds` alone."""
    return Random("-".join(map(str, seeds)))  # noqa: S311 - no secret comes of it
