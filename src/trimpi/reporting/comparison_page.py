"""Several runs as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from markupsafe import Markup

from trimpi.reporting.compare import MEASURED, Comparison, run_name, write_text
from trimpi.reporting.complexity_figure import complexity_figure
from trimpi.reporting.page import render_page
from trimpi.reporting.paired import PairedDifference, paired_difference
from trimpi.reporting.paper_figures import SOURCE
from trimpi.reporting.paper_table import paper_tables
from trimpi.reporting.run_directory import RunRecord

TEMPLATE = "compare.html.j2"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedRuns:
    """Two runs' last models on the same requests; without a `difference`, `reason` says why they are not comparable."""

    first: str
    second: str
    difference: PairedDifference | None
    reason: str


def write_comparison_page(comparison: Comparison, file: Path) -> None:
    """Write the page. Raises RunError when there can be no such file."""
    runs = comparison.runs
    figure = complexity_figure(runs)
    html = render_page(
        TEMPLATE,
        {
            "comparison": comparison,
            "names": [run_name(run) for run in runs],
            "measured_names": MEASURED,
            "paper_tables": paper_tables([(run_name(run), run) for run in runs]),
            "paper_source": SOURCE,
            "paired": paired_runs(runs),
            "figures": [] if figure is None else [(figure, Markup(figure.svg))],
        },
        scripted=False,
    )
    write_text(file, html)


def paired_runs(runs: Sequence[RunRecord]) -> list[PairedRuns]:
    """Every two runs, policy-free, in their order."""
    records = {id(run): run.latest.policy_free_records if run.latest else [] for run in runs}
    pairs = []
    for first, second in combinations(runs, 2):
        ours, theirs = records[id(first)], records[id(second)]
        difference = paired_difference(ours, theirs)
        pairs.append(
            PairedRuns(
                first=run_name(first),
                second=run_name(second),
                difference=difference,
                reason="" if difference else _reason(bool(ours and theirs)),
            )
        )
    return pairs


def _reason(both_asked: bool) -> str:
    return "not asked the same requests" if both_asked else "a trained model of both is not evaluated yet"
