"""The results table: what the model does with and without the policy, before and after every stage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from trimpi.evaluation.results import OUTCOMES, SuiteResult
from trimpi.reporting.measures import accuracy_measure, on_one_line, on_two_lines, part_measure, part_names
from trimpi.reporting.run_directory import Evaluation, RunRecord, read_run
from trimpi.reporting.wording import MISSING, count, part_label, parts_legend, percent

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
            *(on_two_lines(accuracy_measure(result)) for result in pair),
            *(_shared(pair)),
            *("\n".join(cells) for cells in (_tokens(pair), _outcomes(pair))),
        )
        for part in part_names(pair):
            table.add_row(
                f"  {escape(part_label(part))}", *(on_two_lines(part_measure(result, part)) for result in pair)
            )
    return table


def results_markdown(run_dir: Path) -> str:
    """The same table as Markdown, with a line that says how to read it."""
    run = read_run(run_dir)
    lines = [markdown_row(HEADINGS), "|---" + "|---:" * (len(HEADINGS) - 1) + "|"]
    for evaluation in run.evaluations:
        pair = (evaluation.accuracy, evaluation.in_context)
        cells = [
            evaluation.label,
            *(on_one_line(accuracy_measure(result)) for result in pair),
            *_shared(pair),
            ", ".join(_tokens(pair)),
            ", ".join(_outcomes(pair)),
        ]
        lines.append(markdown_row(cells))
        for part in part_names(pair):
            measures = (on_one_line(part_measure(result, part)) for result in pair)
            label = f"{evaluation.label}: {part_label(part)}"
            lines.append(markdown_row([label, *measures, *[""] * (len(HEADINGS) - 3)]))
    return "\n".join(lines) + f"\n\n{_caption(run)}\n"


def markdown_row(cells: Sequence[str]) -> str:
    """Cells as a row of a Markdown table; a bar or a line end in one stays inside its cell."""
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def all_parts(run: RunRecord) -> list[str]:
    """The parts that any suite of a run has; empty for tasks that have no more to say than right or wrong."""
    return part_names(result for found in run.evaluations for result in (found.accuracy, found.in_context))


def majority(evaluations: Sequence[Evaluation]) -> float | None:
    """The best that one fixed answer per policy would score on these requests."""
    results = (result for evaluation in evaluations for result in (evaluation.accuracy, evaluation.in_context))
    return next((result.majority for result in results if result is not None), None)


def _caption(run: RunRecord) -> str:
    baseline = majority(run.evaluations)
    if baseline is None:
        return "nothing evaluated yet"
    parts = all_parts(run)
    legend = f"{LEGEND}; {parts_legend(parts)}" if parts else LEGEND
    return f"{legend}; always giving a policy's commonest answer: {percent(baseline)}"


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
