"""How numbers and names are written for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MISSING = "–"
STAGE_LABELS: Mapping[str, str] = {
    "base": "Base",
    "vm_cpt": "VM-CPT",
    "direct_sft": "Direct SFT",
    "cot_sft": "CoT SFT",
    "rl": "RL",
}
OUTCOME_LABELS: Mapping[str, str] = {
    "correct": "correct",
    "wrong": "wrong",
    "no_answer": "no answer",
    "truncated": "truncated",
}
BYTE_UNITS = ("B", "kB", "MB", "GB", "TB")


def stage_label(name: str) -> str:
    return STAGE_LABELS.get(name, name)


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def interval(bounds: tuple[float, float]) -> str:
    return f"{100 * bounds[0]:.1f}–{100 * bounds[1]:.1f}"


def points(difference: float) -> str:
    """A difference of two accuracies, in percentage points, with its sign."""
    return f"{100 * difference:+.1f}".replace("-", "−")


def saving(share: float) -> str:
    """A share saved, as the change that it is: 0.7 saved is −70%."""
    return f"{-100 * share:+.0f}%".replace("-", "−")


def count(number: float | None) -> str:
    return MISSING if number is None else f"{number:,.0f}"


def seconds(number: float | None) -> str:
    if number is None:
        return MISSING
    if number < 1:
        return f"{1000 * number:.1f} ms" if number < 0.1 else f"{1000 * number:.0f} ms"
    if number < 60:
        return f"{number:.1f} s"
    minutes, rest = divmod(round(number), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def size(number: float | None) -> str:
    """Bytes in decimal units."""
    if number is None:
        return MISSING
    for unit in BYTE_UNITS:
        if number < 1000 or unit == BYTE_UNITS[-1]:
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit in ("B", "kB", "MB") else f"{number:.2f} {unit}"


def tally(outcomes: Mapping[str, int]) -> str:
    """The outcomes that occurred, with their counts."""
    return (
        ", ".join(f"{number} {OUTCOME_LABELS.get(name, name)}" for name, number in outcomes.items() if number)
        or MISSING
    )


def flatten(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested JSON as (dotted key, text) rows, in order."""
    if isinstance(value, Mapping) and value:
        return [
            row for key, inner in value.items() for row in flatten(inner, f"{prefix}.{key}" if prefix else str(key))
        ]
    if isinstance(value, list) and any(isinstance(inner, Mapping | list) for inner in value):
        return [row for number, inner in enumerate(value) for row in flatten(inner, f"{prefix}.{number}")]
    if isinstance(value, list):
        return [(prefix, ", ".join(str(inner) for inner in value) or MISSING)]
    return [(prefix, MISSING if value is None or value == {} else str(value))]
