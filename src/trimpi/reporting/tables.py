"""The results table: what the model does with and without the policy, before and after every stage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from trimpi.evaluation.results import OUTCOMES, SuiteResult
from trimpi.reporting.run_directory import Evaluation, RunRecord, read_run
from trimpi.reporting.wording import MISSING, count, interval, percent

HEADINGS = ("after", "policy-free", "in context", "n", "seed", "prompt tokens", "outcomes")
LEGEND = (
    "accuracy with its 95% Wilson interval; tokens and outcomes: policy-free, then in context; "
    "outcomes: correct/wrong/no answer/truncated"
)


def results_table(run_dir: Path) -> Table:
    """The results of a run as a rich table for a terminal of 80 columns. Raises RunError where there is no run."""
    run = read_run(run_dir)
    table = Table(
        box=SIMPLE_HEAD, title=escape(run.name), caption=_caption(run), title_justify="left", caption_justify="left"
    )
    for heading in HEADINGS:
        table.add_column(heading.replace(" ", "\n"), justify="left" if heading == "after" else "right", no_wrap=True)
    for evaluation in run.evaluations:
        pair = (evaluation.accuracy, evaluation.in_context)
        table.add_row(
            escape(evaluation.label),
            *("\n".join(_accuracy(result)) for result in pair),
            *(_shared(pair)),
            *("\n".join(cells) for cells in (_tokens(pair), _outcomes(pair))),
        )
    return table


def results_markdown(run_dir: Path) -> str:
    """The same table as Markdown, with a line that says how to read it."""
    run = read_run(run_dir)
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---" + "|---:" * (len(HEADINGS) - 1) + "|"]
    for evaluation in run.evaluations:
        pair = (evaluation.accuracy, evaluation.in_context)
        cells = [
            evaluation.label.replace("|", "\\|"),
            *(_accuracy_on_one_line(result) for result in pair),
            *_shared(pair),
            ", ".join(_tokens(pair)),
            ", ".join(_outcomes(pair)),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + f"\n\n{_caption(run)}\n"


def majority(evaluations: Sequence[Evaluation]) -> float | None:
    """The best that one fixed answer per policy would score on these requests."""
    results = (result for evaluation in evaluations for result in (evaluation.accuracy, evaluation.in_context))
    return next((result.majority for result in results if result is not None), None)


def _caption(run: RunRecord) -> str:
    baseline = majority(run.evaluations)
    if baseline is None:
        return "nothing evaluated yet"
    return f"{LEGEND}; always giving a policy's commonest answer: {percent(baseline)}"


def _accuracy(result: SuiteResult | None) -> tuple[str, str]:
    return (MISSING, "") if result is None else (percent(result.accuracy), interval(result.interval))


def _accuracy_on_one_line(result: SuiteResult | None) -> str:
    return MISSING if result is None else f"{percent(result.accuracy)} ({interval(result.interval)})"


def _shared(pair: Sequence[SuiteResult | None]) -> tuple[str, str]:
    """n and seed, which both suites of one model have in common unless one was run apart."""
    found = [result for result in pair if result is not None]
    numbers = (dict.fromkeys(str(getattr(result, key)) for result in found) for key in ("n", "seed"))
    n, seed = (", ".join(values) or MISSING for values in numbers)
    return n, seed


def _tokens(pair: Sequence[SuiteResult | None]) -> list[str]:
    return [MISSING if result is None else count(result.prompt_tokens["mean"]) for result in pair]


def _outcomes(pair: Sequence[SuiteResult | None]) -> list[str]:
    return [
        MISSING if result is None else "/".join(str(result.outcomes.get(outcome, 0)) for outcome in OUTCOMES)
        for result in pair
    ]
