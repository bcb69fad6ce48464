"""Measurements as people read them."""

from __future__ import annotations

from benchmarks.rows import Row


def duration(seconds: float | None) -> str:
    """Three digits in the unit that suits: 31.2 ms, 920 ms, 12.3 s; a dash where nothing was measured."""
    if seconds is None:
        return "-"
    return f"{_digits(seconds * 1000)} ms" if seconds < 1 else f"{_digits(seconds)} s"


def ratio(value: float | None) -> str:
    """How many times as long: 1x, 0.87x, 12.3x."""
    if value is None:
        return "-"
    return "1x" if value == 1 else f"{_digits(value)}x"


def facts(row: Row) -> str:
    """The other measurements and the note, in one line."""
    named = [f"{name} {_digits(value)}" for name, value in row.facts.items()]
    return ", ".join([*named, row.note] if row.note else named)


def _digits(value: float) -> str:
    """At least three digits, no more decimals than that takes."""
    decimals = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    return f"{value:,.{decimals}f}"
