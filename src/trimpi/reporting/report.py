"""The report: one HTML file that needs nothing else. Every text in it is escaped by the template engine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from trimpi.evaluation.storage import write_atomically
from trimpi.policies import Policy
from trimpi.reporting import wording
from trimpi.reporting.break_even_table import break_even_table
from trimpi.reporting.error_kinds import error_table
from trimpi.reporting.figures import page_figures
from trimpi.reporting.headline import headline
from trimpi.reporting.images import image_data_uri
from trimpi.reporting.measurements import measurement_tables
from trimpi.reporting.page import inert_json, render_page
from trimpi.reporting.paper_figures import SOURCE
from trimpi.reporting.paper_table import paper_tables
from trimpi.reporting.pictures import Pictures
from trimpi.reporting.policy_update import read_update
from trimpi.reporting.record_browser import record_browser
from trimpi.reporting.run_directory import RunRecord, Stage, read_run
from trimpi.reporting.sections import section_tables
from trimpi.reporting.showcase import shown_requests
from trimpi.reporting.suites_table import suite_details, suite_rows
from trimpi.reporting.tables import all_parts, majority
from trimpi.reporting.tag_bars import tag_bars

REPORT_FILE = "report.html"
TEMPLATE = "report.html.j2"
HEADING = re.compile(r"#{1,6}[ \t]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPage:
    """A policy as shown, in reading order: ("text" or "heading", text), and ("image", data URI or "" when gone)."""

    name: str
    hash: str
    pieces: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCost:
    """What a stage took, in words."""

    label: str
    state: str
    cells: Sequence[str]


def write_report(run_dir: Path, *, all_models: bool = False) -> Path:
    """Write `run_dir/report.html` from what the run directory holds so far, and return its path.

    The page's record browser has the records of the base and of the latest model, or of `all_models`. Raises RunError
    when `run_dir` is not a run directory or a file in it is damaged.
    """
    run = read_run(run_dir)
    path = run_dir / REPORT_FILE
    content = _content(run, all_models=all_models)
    write_atomically(path, render_page(TEMPLATE, content, scripted=content["browser"] is not None))
    return path


def _content(run: RunRecord, *, all_models: bool) -> Mapping[str, Any]:
    parts = all_parts(run)
    pictures = Pictures(run.folder)
    shown = run.evaluations if all_models else run.compared
    # The requests come first: what they show is not put into the browser's data again.
    requests = shown_requests(run, pictures)
    browser = record_browser(run, shown, pictures)
    return {
        "run": run,
        "headline": headline(run),
        "update": read_update(run.folder),
        "majority": majority(run.evaluations),
        "parts": parts,
        "parts_legend": wording.parts_legend(parts),
        "suites": suite_rows(run),
        "has_more_suites": not set(run.suites) <= {"accuracy", "in_context"},
        "suite_details": suite_details(run),
        "tag_bars": tag_bars(run),
        "paper_tables": paper_tables([(run.name, run)]),
        "paper_source": SOURCE,
        "break_even": break_even_table(run),
        "measurements": measurement_tables(run),
        "section_tables": section_tables(run),
        "sections_of": run.latest or run.base,
        "errors": error_table(run),
        "figures": [(figure, Markup(figure.svg)) for figure in page_figures(run)],
        "policies": [_policy_page(policy) for policy in run.policies],
        "requests": requests,
        "browser": browser,
        "browser_data": "" if browser is None else inert_json(browser.data),
        "browsable": [run.model_name(found) for found in shown],
        "costs": [_stage_cost(stage) for stage in run.stages],
        "evaluation_seconds": wording.seconds(_evaluation_seconds(run)),
        "provenance": wording.flatten(_provenance(run)),
    }


def _provenance(run: RunRecord) -> Mapping[str, Any]:
    """The manifest without what the cost and the result tables show already."""
    return {key: value for key, value in run.manifest.items() if key not in ("stages", "evaluations")}


def _policy_page(policy: Policy) -> PolicyPage:
    pieces: list[tuple[str, str]] = []
    for section in policy.sections:
        if isinstance(section, str):
            pieces += [
                ("heading" if HEADING.match(line) else "text", line) for line in section.splitlines(keepends=True)
            ]
        else:
            pieces.append(("image", image_data_uri(section.path) or ""))
    return PolicyPage(name=policy.name, hash=policy.content_hash, pieces=pieces)


def _stage_cost(stage: Stage) -> StageCost:
    took = stage.manifest
    steps, seconds, tokens = took.get("steps"), stage.training_seconds, took.get("tokens")
    return StageCost(
        label=stage.label,
        state="" if took else "not finished",
        cells=(
            str(took.get("parent", wording.MISSING)),
            wording.count(steps),
            wording.seconds(seconds),
            wording.count(tokens),
            wording.count(tokens / seconds) if tokens and seconds else wording.MISSING,
            wording.size(took.get("peak_memory_bytes")),
        ),
    )


def _evaluation_seconds(run: RunRecord) -> float | None:
    results = [result for found in run.evaluations for result in found.suites.values()]
    return sum(result.seconds for result in results) if results else None
