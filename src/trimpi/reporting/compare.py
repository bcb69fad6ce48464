"""Several runs beside each other, and the means of runs that differ only in their seed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from errno import EISDIR
from os import strerror
from pathlib import Path
from statistics import fmean

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from trimpi.errors import RunError
from trimpi.evaluation.results import SuiteResult
from trimpi.evaluation.storage import write_atomically
from trimpi.reporting.measures import Measure, accuracy_measure, on_one_line, on_two_lines, part_measure, part_names
from trimpi.reporting.run_directory import RunRecord, read_run
from trimpi.reporting.t_interval import t_interval
from trimpi.reporting.tables import markdown_row
from trimpi.reporting.wording import MISSING, part_label, parts_legend, stage_label

MEASURED = ("base policy-free", "base in context", "last policy-free", "last in context")
HEADINGS = ("run", "model", "stages", "seed", "n", *MEASURED)
LEGEND = "accuracy with its 95% Wilson interval, of the base and of the last model evaluated"
MEANS_LEGEND = "a mean over seeds has the 95% t interval of the runs' values, and none where they are all the same"

Measures = tuple[Measure | None, ...]
"""One for each of MEASURED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """A run, or the mean of several, as a row: what it is, its accuracy, and its score's parts where it has any."""

    name: str
    model: str
    stages: str
    seed: str
    n: str
    accuracy: Measures
    parts: Mapping[str, Measures]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The rows, runs that differ only in their seed side by side and followed by their mean; `runs` are as given."""

    runs: Sequence[RunRecord]
    rows: Sequence[ComparedRun]
    has_means: bool

    @property
    def legend(self) -> str:
        parts = dict.fromkeys(part for row in self.rows for part in row.parts)
        return "; ".join(
            [LEGEND, *([parts_legend(parts)] if parts else []), *([MEANS_LEGEND] if self.has_means else [])]
        )


def compare_runs(run_dirs: Sequence[Path]) -> Comparison:
    """Read runs and put them beside each other.

    Runs count as the same experiment when their recipes agree in all but name and seed and they are evaluated equally
    far; they get a mean when no two of them have the same seed. Raises RunError for a folder that is no run, has no
    finished evaluation or is given twice.
    """
    evaluated = [_evaluated_run(run_dir) for run_dir in run_dirs]
    _refuse_repetitions(run_dirs)
    experiments: dict[str, list[RunRecord]] = defaultdict(list)
    for run in evaluated:
        experiments[_experiment(run)].append(run)
    rows: list[ComparedRun] = []
    has_means = False
    for runs in experiments.values():
        compared = [_compared(run) for run in runs]
        rows += compared
        if len({row.seed for row in compared}) == len(compared) > 1:
            rows.append(_mean(compared))
            has_means = True
    return Comparison(runs=evaluated, rows=rows, has_means=has_means)


def comparison_table(comparison: Comparison) -> Table:
    """The comparison as a rich table for a terminal of 80 columns."""
    table = Table(box=SIMPLE_HEAD, caption=comparison.legend, caption_justify="left")
    table.add_column("run,\nmodel,\nstages", overflow="fold")
    table.add_column("seed", justify="right", max_width=5, overflow="fold")
    table.add_column("n", justify="right", no_wrap=True)
    for heading in MEASURED:
        table.add_column(heading.replace("-", "-\n").replace(" ", "\n"), justify="right", no_wrap=True)
    for row in comparison.rows:
        what = "\n".join((row.name, row.model, row.stages))
        table.add_row(escape(what), row.seed, row.n, *map(on_two_lines, row.accuracy))
        for part, measures in row.parts.items():
            table.add_row(escape(f"  {part_label(part)}"), "", "", *map(on_two_lines, measures))
    return table


def comparison_markdown(comparison: Comparison) -> str:
    """The same table as Markdown, with a line that says how to read it."""
    lines = [markdown_row(HEADINGS), "|---" * 3 + "|---:" * (len(HEADINGS) - 3) + "|"]
    for row in comparison.rows:
        what = (row.name, row.model, row.stages, row.seed, row.n)
        lines.append(markdown_row([*what, *map(on_one_line, row.accuracy)]))
        for part, measures in row.parts.items():
            label = f"{row.name}: {part_label(part)}"
            lines.append(markdown_row([label, *[""] * (len(what) - 1), *map(on_one_line, measures)]))
    return "\n".join(lines) + f"\n\n{comparison.legend}\n"


def write_comparison(comparison: Comparison, file: Path) -> None:
    """Write the Markdown table. Raises RunError when there can be no such file."""
    write_text(file, comparison_markdown(comparison))


def write_text(file: Path, text: str) -> None:
    """Write a file that a user named. Raises RunError when there can be no such file."""
    try:
        # Checked here, since writing in one step leaves its partial file behind where it ends on a folder.
        if file.is_dir():
            raise IsADirectoryError(EISDIR, strerror(EISDIR))
        write_atomically(file, text)
    except OSError as error:
        raise RunError(
            f"{file} cannot be written ({error.strerror}): name a file in a folder you can write to"
        ) from None


def _refuse_repetitions(run_dirs: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for run_dir in run_dirs:
        if run_dir.resolve() in seen:
            raise RunError(f"{run_dir} is given twice: give each run once")
        seen.add(run_dir.resolve())


def _evaluated_run(run_dir: Path) -> RunRecord:
    run = read_run(run_dir)
    if not any(_results(run)):
        raise RunError(f"{run_dir} has no finished evaluation: let `trimpi run` finish one in it, or leave it out")
    return run


def _experiment(run: RunRecord) -> str:
    """What two runs have in common when only their seeds, or their names, tell them apart."""
    settings = {key: value for key, value in run.recipe.items() if key not in ("name", "seed")}
    return json.dumps([settings, _stages_evaluated(run)], sort_keys=True, default=str)


def _compared(run: RunRecord) -> ComparedRun:
    results = _results(run)
    model = run.recipe.get("model")
    return ComparedRun(
        name=run_name(run),
        model=str(model.get("path", MISSING)) if isinstance(model, Mapping) else MISSING,
        stages=_stages(run),
        seed=str(run.recipe.get("seed", 0)),
        n=", ".join(dict.fromkeys(str(result.n) for result in results if result is not None)),
        accuracy=tuple(map(accuracy_measure, results)),
        parts={part: tuple(part_measure(result, part) for result in results) for part in part_names(results)},
    )


def run_name(run: RunRecord) -> str:
    """The recipe's name, with the folder's where it has another: runs of one recipe share the first."""
    folder = run.folder.resolve().name
    return run.name if run.name == folder else f"{run.name} ({folder})"


def _results(run: RunRecord) -> tuple[SuiteResult | None, ...]:
    """The suites in the order of MEASURED."""
    models = (run.base, run.latest)
    return tuple(suite for model in models for suite in ((model.accuracy, model.in_context) if model else (None, None)))


def _stages_evaluated(run: RunRecord) -> int:
    return run.latest.number if run.latest else 0


def _stages(run: RunRecord) -> str:
    """The stages that made the last model evaluated; for a run that goes on, how many of how many they are."""
    evaluated, planned = _stages_evaluated(run), run.recipe.get("stages") or ()
    labels = [stage_label(str(stage.get("type"))) for stage in planned[:evaluated]]
    progress = "" if evaluated >= len(planned) else f" ({evaluated} of {len(planned)})"
    return f"{', '.join(labels) or 'none'}{progress}"


def _mean(rows: Sequence[ComparedRun]) -> ComparedRun:
    """The mean over the seeds, with its t interval; a measure that one of the runs lacks has none."""
    first = rows[0]
    parts = dict.fromkeys(part for row in rows for part in row.parts)
    nothing: Measures = (None,) * len(MEASURED)
    return ComparedRun(
        name=f"mean of {len(rows)} seeds",
        model=first.model,
        stages=first.stages,
        seed=", ".join(row.seed for row in rows),
        n=", ".join(dict.fromkeys(row.n for row in rows)),
        accuracy=_means([row.accuracy for row in rows]),
        parts={part: _means([row.parts.get(part, nothing) for row in rows]) for part in parts},
    )


def _means(rows: Sequence[Measures]) -> Measures:
    return tuple(map(_mean_measure, zip(*rows, strict=True)))


def _mean_measure(measures: Measures) -> Measure | None:
    values = [measure.value for measure in measures if measure is not None]
    if len(values) < len(measures):
        return None
    return Measure(value=fmean(values), bounds=t_interval(values))
