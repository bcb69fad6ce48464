"""When training has paid, for each way to serve, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimpi.evaluation.break_even_report import assumptions_in_words, way_in_words
from trimpi.reporting.run_directory import RunRecord
from trimpi.reporting.wording import count


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEvenRow:
    """One way to serve: what a thousand requests save, how many pay for the training, and when in a sentence."""

    way: str
    saved: str
    requests: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEvenTable:
    """A row for every way to serve; what training cost, and what was assumed as (name, text)."""

    rows: Sequence[BreakEvenRow]
    training: str
    not_counted: Sequence[str]
    assumptions: Sequence[tuple[str, str]]


def break_even_table(run: RunRecord) -> BreakEvenTable | None:
    """From the run's break_even.json; None without one."""
    report = run.break_even
    if report is None:
        return None
    currency = report["assumptions"]["currency"]
    return BreakEvenTable(
        rows=[_row(way_in_words(name, report), way, currency) for name, way in report["ways"].items()],
        training=f"{report['training_cost']:,.2f} {currency}",
        not_counted=report["hours_unknown"],
        assumptions=assumptions_in_words(report),
    )


def _row(label: str, way: Mapping[str, Any], currency: str) -> BreakEvenRow:
    return BreakEvenRow(
        way=label,
        saved=f"{1000 * way['saved_per_request']:.2g} {currency}".replace("-", "−", 1),
        requests=count(way["requests"]),
        verdict=way["words"],
    )
