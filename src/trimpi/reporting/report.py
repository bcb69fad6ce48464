"""The report: one HTML file that needs nothing else. Every text in it is escaped by the template engine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from trimpi.evaluation.results import OUTCOMES, SuiteResult
from trimpi.evaluation.storage import write_atomically
from trimpi.policies import Policy
from trimpi.reporting import wording
from trimpi.reporting.error_kinds import error_table
from trimpi.reporting.figures import page_figures
from trimpi.reporting.headline import headline
from trimpi.reporting.images import image_data_uri
from trimpi.reporting.measures import accuracy_measure, part_measure
from trimpi.reporting.run_directory import RunRecord, Stage, read_run
from trimpi.reporting.sections import section_tables
from trimpi.reporting.showcase import shown_requests
from trimpi.reporting.tables import all_parts, majority

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


def write_report(run_dir: Path) -> Path:
    """Write `run_dir/report.html` from what the run directory holds so far, and return its path.

    Raises RunError when `run_dir` is not a run directory or a file in it is damaged.
    """
    run = read_run(run_dir)
    path = run_dir / REPORT_FILE
    write_atomically(path, _environment().get_template(TEMPLATE).render(_content(run)))
    return path


def _provenance(run: RunRecord) -> Mapping[str, Any]:
    """The manifest without what the cost and the result tables show already."""
    return {key: value for key, value in run.manifest.items() if key not in ("stages", "evaluations")}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {
        "percent": wording.percent,
        "interval": wording.interval,
        "count": wording.count,
        "tally": wording.tally,
        "share": _share,
        "part_label": wording.part_label,
    }
    environment.filters.update(filters)
    environment.globals.update(
        outcome_labels=wording.OUTCOME_LABELS,
        outcomes=OUTCOMES,
        missing=wording.MISSING,
        accuracy_measure=accuracy_measure,
        part_measure=part_measure,
    )
    return environment


def _content(run: RunRecord) -> Mapping[str, Any]:
    parts = all_parts(run)
    return {
        "run": run,
        "headline": headline(run),
        "majority": majority(run.evaluations),
        "parts": parts,
        "parts_legend": wording.parts_legend(parts),
        "section_tables": section_tables(run),
        "sections_of": run.latest or run.base,
        "errors": error_table(run),
        "figures": [(figure, Markup(figure.svg)) for figure in page_figures(run)],
        "policies": [_policy_page(policy) for policy in run.policies],
        "requests": shown_requests(run),
        "costs": [_stage_cost(stage) for stage in run.stages],
        "evaluation_seconds": wording.seconds(_evaluation_seconds(run)),
        "provenance": wording.flatten(_provenance(run)),
    }


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
    steps, seconds, tokens = took.get("steps"), took.get("seconds"), took.get("tokens")
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
    results: list[SuiteResult | None] = [
        result for found in run.evaluations for result in (found.accuracy, found.in_context)
    ]
    return sum(result.seconds for result in results if result) if any(results) else None


def _share(number: float) -> str:
    """A share as a CSS percentage."""
    return f"{100 * number:.2f}%"
