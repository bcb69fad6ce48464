"""A sweep's comparison as tables: for a terminal, as Markdown, and cell by cell for the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from trimpi.reporting.sweep_comparison import Bounds, Estimate, MethodResult, SweepComparison, Together
from trimpi.reporting.tables import markdown_row
from trimpi.reporting.wording import MISSING, count, interval, p_value, percent, points, points_interval, seconds

RESULTS = ("method", "seeds", "n", "policy-free", "bootstrap", "t", "in context", "rollouts", "RL time", "training")
PAIRED = (
    "method",
    "seeds",
    "difference",
    "bootstrap",
    "t",
    "right alone",
    "p items",
    "p seeds",
    "p of each",
)
TOGETHER = ("method", "points", "pairs", "difference", "t", "p pairs")
LEGEND = (
    "policy-free is the accuracy of the last model, a mean over seeds; n are the requests of all seeds together; "
    "rollouts, RL time and the time of all training are means of a run, and a shared stage counts in full for every "
    "run that has it",
    "bootstrap: 95% interval from drawing seeds again, and requests within them; t: Student's 95% interval of the "
    "seeds' means. Go by t with few seeds: a bootstrap of three draws from three values and is too narrow (from the "
    "spread of seeds alone 0.4 of t's width with three seeds, 0.8 with ten). A single seed has the interval of its "
    "requests alone under bootstrap: Wilson's, and Agresti and Min's of a difference",
)
PAIRED_LEGEND = (
    "the same requests with the same seed, the method's accuracy minus the baseline's; right alone: the requests that "
    "only the baseline and only the method got right",
    "p items: McNemar's over the requests of all seeds, for whether these models differ; p seeds: Student's over the "
    "seeds' differences, for whether the methods do; p of each: McNemar's with each seed",
)

TOGETHER_LEGEND = (
    "every point and seed that both methods have is one pair; t and p pairs: Student's, of the pairs' differences. "
    "They take pairs as independent, which points of one seed are not where they share pictures or policies",
)


def result_cells(result: MethodResult) -> list[str]:
    """In the order of RESULTS."""
    return [
        result.method,
        ", ".join(map(str, result.seeds)),
        count(result.n),
        percent(result.accuracy.mean),
        *_intervals(result.accuracy, interval),
        MISSING if result.in_context is None else percent(result.in_context.mean),
        count(round(result.rollouts)) if result.rollouts else MISSING,
        seconds(result.rl_seconds) if result.rl_seconds else MISSING,
        seconds(result.training_seconds) if result.training_seconds else MISSING,
    ]


def paired_cells(result: MethodResult) -> list[str]:
    """In the order of PAIRED."""
    versus = result.versus
    if versus is None:
        return [result.method, *[MISSING] * (len(PAIRED) - 1)]
    return [
        result.method,
        ", ".join(str(seed) for seed, _ in versus.per_seed),
        points(versus.difference.mean),
        *_intervals(versus.difference, points_interval),
        f"{count(versus.only_baseline)} : {count(versus.only_method)}",
        _p(versus.p_items),
        MISSING if versus.p_seeds is None else _p(versus.p_seeds),
        ", ".join(_p(pair.p) for _, pair in versus.per_seed),
    ]


def together_cells(together: Together) -> list[str]:
    """In the order of TOGETHER."""
    return [
        together.method,
        count(together.points),
        count(together.pairs),
        points(together.difference),
        MISSING if together.t is None else points_interval(together.t),
        MISSING if together.p is None else _p(together.p),
    ]


def _p(p: float) -> str:
    """Under a heading that says what it is."""
    return p_value(p).removeprefix("p = ").removeprefix("p ")


def _intervals(estimate: Estimate, words: Callable[[tuple[float, float]], str]) -> list[str]:
    bounds: Sequence[Bounds] = (estimate.of_requests or estimate.bootstrap, estimate.t)
    return [MISSING if pair is None else words(pair) for pair in bounds]


def results_at(comparison: SweepComparison, point: str) -> list[MethodResult]:
    return [result for result in comparison.results if result.point == point]


def paired_at(comparison: SweepComparison, point: str) -> list[MethodResult]:
    return [result for result in results_at(comparison, point) if result.method != comparison.baseline]


def unfinished_words(comparison: SweepComparison) -> str:
    """Which jobs are not in the tables; empty where all are."""
    named = ", ".join(f"{name} ({state})" for name, state in comparison.unfinished)
    return f"left out, not finished: {named}" if named else ""


def sweep_tables(comparison: SweepComparison) -> list[Table]:
    """Two tables for every point of the axes and one for all together, for a terminal."""
    tables = []
    for point in comparison.points:
        tables.append(_table(f"{point}", RESULTS, map(result_cells, results_at(comparison, point))))
        if pairs := paired_at(comparison, point):
            title = f"{point}: against {comparison.baseline}"
            tables.append(_table(title, PAIRED, map(paired_cells, pairs)))
    captions = [*LEGEND, *PAIRED_LEGEND]
    if comparison.together:
        title = f"all points together: against {comparison.baseline}"
        tables.append(_table(title, TOGETHER, map(together_cells, comparison.together)))
        captions += TOGETHER_LEGEND
    captions.append(unfinished_words(comparison))
    tables[-1].caption = escape("\n".join(f"{line[0].upper()}{line[1:]}." for line in captions if line))
    tables[-1].caption_justify = "left"
    return tables


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(box=SIMPLE_HEAD, title=escape(title), title_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number == 0 else "right", overflow="fold")
    for cells in rows:
        table.add_row(*map(escape, cells))
    return table


def sweep_markdown(comparison: SweepComparison) -> str:
    """The same tables as Markdown."""
    lines: list[str] = []
    for point in comparison.points:
        lines += [f"### {point}", "", *_markdown(RESULTS, [result_cells(row) for row in results_at(comparison, point)])]
        if pairs := paired_at(comparison, point):
            lines += [f"Against {comparison.baseline}:", "", *_markdown(PAIRED, [paired_cells(row) for row in pairs])]
    legend = [*LEGEND, *PAIRED_LEGEND]
    if comparison.together:
        lines += [f"### All points together, against {comparison.baseline}", ""]
        lines += _markdown(TOGETHER, [together_cells(row) for row in comparison.together])
        legend += TOGETHER_LEGEND
    legend.append(unfinished_words(comparison))
    return "\n".join([*lines, *(f"- {line}" for line in legend if line)]) + "\n"


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    ruler = "|---" + "|---:" * (len(headings) - 1) + "|"
    return [markdown_row(headings), ruler, *map(markdown_row, rows), ""]
