"""Runs beside the paper's figures in the same setting, method by method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from trimpi.evaluation.results import SuiteResult
from trimpi.interval import mean_interval
from trimpi.reporting.measures import Measure
from trimpi.reporting.methods import method_of
from trimpi.reporting.paper_figures import IN_CONTEXT, METHODS, PAPER_FIGURES, PaperFigure, PaperSuite, Setting
from trimpi.reporting.run_directory import Evaluation, RunRecord
from trimpi.reporting.wording import interval, percent

TITLES: Mapping[PaperSuite, str] = {
    "accuracy": "Accuracy without the policy",
    "override": "Policy Override",
    "referral": "Policy Referral, 0 to 10",
    "in_context": "Policy back in the prompt",
}
PAPERS_EDIT = ("everything", "some rules")
"""Which of our edits are the paper's: a newly sampled tree under the same name, and some calling rules replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OurCell:
    """What a run measured, in words: value, interval, and the number of requests."""

    value: str
    interval: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRow:
    """A method with a cell per run and the paper's figure per model, None where there is none."""

    method: str
    ours: Sequence[OurCell | None]
    paper: Sequence[str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperBlock:
    """One of the paper's evaluations."""

    title: str
    rows: Sequence[PaperRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTable:
    """The evaluations of one setting; `runs` and `models` head the columns, ours before the paper's."""

    setting: str
    runs: Sequence[str]
    models: Sequence[str]
    blocks: Sequence[PaperBlock]


def paper_tables(runs: Sequence[tuple[str, RunRecord]]) -> list[PaperTable]:
    """One table per setting that a (name, run) has and the paper too, in the order of the runs."""
    settings = dict.fromkeys(setting_of(run) for _, run in runs)
    tables = [_table(setting, [named for named in runs if setting_of(named[1]) == setting]) for setting in settings]
    return [table for table in tables if table is not None]


def setting_of(run: RunRecord) -> Setting:
    task = run.recipe.get("task")
    if not isinstance(task, Mapping):
        return "", None
    if task.get("type") == "clevr":
        return str(task.get("variant")), task.get("layers")
    return str(task.get("type")), None


def setting_label(setting: Setting) -> str:
    name, layers = setting
    return "GTAPolicy" if name == "gta" else f"ClevrPolicy-{name}, N = {layers}"


def _table(setting: Setting, runs: Sequence[tuple[str, RunRecord]]) -> PaperTable | None:
    figures = [figure for figure in PAPER_FIGURES if figure.setting == setting]
    if not figures:
        return None
    models = list(dict.fromkeys(figure.model for figure in figures))
    suites = dict.fromkeys(figure.suite for figure in figures)
    return PaperTable(
        setting=setting_label(setting),
        runs=[name for name, _ in runs],
        models=models,
        blocks=[_block(suite, figures, models, [run for _, run in runs]) for suite in suites],
    )


def _block(
    suite: PaperSuite, figures: Sequence[PaperFigure], models: Sequence[str], runs: Sequence[RunRecord]
) -> PaperBlock:
    papers = {(figure.method, figure.model): figure.value for figure in figures if figure.suite == suite}
    ours = [_ours(suite, run) for run in runs]
    shown = {*(method for method, _ in papers), *(method for run in ours for method in run)}
    # In the order of the paper's largest table, and what it does not have at the end.
    methods = [method for method in METHODS if method in shown] + sorted(shown - set(METHODS))
    return PaperBlock(
        title=TITLES[suite],
        rows=[
            PaperRow(
                method=method,
                ours=[run.get(method) for run in ours],
                paper=[_paper_value(suite, papers.get((method, model))) for model in models],
            )
            for method in methods
        ],
    )


def _paper_value(suite: PaperSuite, value: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:.2f}" if suite == "referral" else f"{value:.2f}%"


def _ours(suite: PaperSuite, run: RunRecord) -> dict[str, OurCell]:
    """By method. The base with the policy in its prompt is the paper's in-context row; policy-free it has none."""
    cells: dict[str, OurCell] = {}
    stages = run.recipe.get("stages") or ()
    for found in run.evaluations:
        trained = found.number > 0
        method = method_of(stages[: found.number]) if trained else IN_CONTEXT
        asked = "in_context" if suite == "accuracy" and not trained else suite
        # Without training the policy is in the prompt anyway, and nothing is there to refer to.
        if (trained or suite in ("accuracy", "override")) and (cell := _cell(suite, asked, found, run)):
            cells[method] = cell
    return cells


def _cell(suite: PaperSuite, asked: str, found: Evaluation, run: RunRecord) -> OurCell | None:
    result = found.suites.get(asked)
    if result is None:
        return None
    if suite == "override":
        return _override_cell(found)
    measure = _measure(suite, result, is_score=setting_of(run)[0] == "gta")
    low, high = measure.bounds or (0.0, 1.0)
    if suite == "referral":
        return OurCell(value=f"{10 * measure.value:.2f}", interval=f"{10 * low:.2f}–{10 * high:.2f}", n=result.n)
    return OurCell(value=percent(measure.value), interval=interval((low, high)), n=result.n)


def _measure(suite: PaperSuite, result: SuiteResult, *, is_score: bool) -> Measure:
    """GTAPolicy's figure is the overall score, and referral a mean of scores."""
    if is_score or suite == "referral":
        return Measure(value=result.score.mean, bounds=result.score.interval)
    return Measure(value=result.accuracy, bounds=result.interval)


def _override_cell(found: Evaluation) -> OurCell | None:
    """Over the paper's edit alone, where the questions say which edit they are about."""
    records = found.records("override")
    values = [record.value for record in records if record.tags.get("edit", PAPERS_EDIT[0]) in PAPERS_EDIT]
    if not values:
        return None
    return OurCell(value=percent(fmean(values)), interval=interval(mean_interval(values)), n=len(values))
