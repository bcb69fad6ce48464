"""What the record browser of a page holds: every record of the models shown, as far as the page has room for them."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from trimpi.evaluation.results import OUTCOMES, ExampleRecord
from trimpi.reporting.in_turns import in_turns
from trimpi.reporting.page import size_in_page
from trimpi.reporting.pictures import Pictures
from trimpi.reporting.run_directory import Evaluation, RunRecord
from trimpi.reporting.wording import OUTCOME_LABELS, error_label, suite_label

MOST_BYTES = 11_000_000
"""Of records and images in a page; with everything else it stays below 15 MB."""
LONGEST_TEXT = 20_000
"""Characters of one text that a page holds. A model that repeats itself fills megabytes."""
MOST_STEPS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """How many of a suite's records of one model are in the page."""

    model: str
    suite: str
    held: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBrowser:
    """The records as plain data for the page's script, and how much is not among them."""

    data: Mapping[str, Any]
    held: Sequence[Held]
    pictures_left_out: int

    @property
    def total(self) -> int:
        return sum(suite.total for suite in self.held)

    @property
    def number(self) -> int:
        return sum(suite.held for suite in self.held)

    @property
    def left_out(self) -> Sequence[Held]:
        return [suite for suite in self.held if suite.held < suite.total]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One question of a suite with every shown model's record of it, by the model's place among them."""

    suite: str
    position: int
    records: Mapping[int, ExampleRecord]

    @property
    def order(self) -> tuple[list[bool], bytes]:
        """Not answered right by the last model first, then by the ones before; equal ones by a hash of what is shown.

        The hash is of the images where there are any, so that suites about the same ones agree on them.
        """
        right = [self.records[model].outcome == "correct" for model in sorted(self.records, reverse=True)]
        record = next(iter(self.records.values()))
        return right, hashlib.sha256(repr(record.images or record.id).encode("utf-8", "replace")).digest()


@dataclass(slots=True)
class Texts:
    """Texts by number, each held once: requests and completions come back in suite after suite."""

    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))

    @property
    def cut(self) -> list[str | list[Any]]:
        """Every text; a long one as what is held of it and how many characters are not."""
        return [
            text if len(text) <= LONGEST_TEXT else [text[:LONGEST_TEXT], len(text) - LONGEST_TEXT]
            for text in self.numbers
        ]


def record_browser(
    run: RunRecord, shown: Sequence[Evaluation], pictures: Pictures, *, most_bytes: int = MOST_BYTES
) -> RecordBrowser | None:
    """The records of the `shown` models; None where there are none.

    When they do not all fit, suites take turns, and requests that the last model got wrong come first. `pictures` may
    hold images that are elsewhere in the page: these are not put in again.
    """
    elsewhere = len(pictures.uris)
    totals: Counter[tuple[int, str]] = Counter()
    by_suite = []
    for suite in run.suites:
        answered = _answered(suite, shown)
        totals.update((model, suite) for answer in answered for model in answer.records)
        by_suite.append(sorted(answered, key=lambda answer: answer.order))
    if not totals:
        return None
    texts = Texts()
    rows = _rows(in_turns(by_suite), texts, pictures, suites=run.suites, most_bytes=most_bytes)
    rows.sort(key=lambda row: (row[0]["suite"], -row[0]["model"], row[1]))
    held = Counter((row["model"], run.suites[row["suite"]]) for row, _ in rows)
    names = [run.model_name(evaluation) for evaluation in shown]
    data = {
        "models": names,
        "suites": [[suite, suite_label(suite)] for suite in run.suites],
        "outcomes": [[outcome, OUTCOME_LABELS[outcome]] for outcome in OUTCOMES],
        "records": [row for row, _ in rows],
        "texts": texts.cut,
        "pictures": [None] * elsewhere + pictures.uris[elsewhere:],
    }
    return RecordBrowser(
        data=data,
        held=[
            Held(model=names[model], suite=suite, held=held[model, suite], total=total)
            for (model, suite), total in totals.items()
        ],
        pictures_left_out=len(pictures.left_out),
    )


def _answered(suite: str, shown: Sequence[Evaluation]) -> list[Answered]:
    questions: dict[str, dict[int, ExampleRecord]] = defaultdict(dict)
    for model, evaluation in enumerate(shown):
        for record in evaluation.records(suite):
            questions[record.id][model] = record
    return [
        Answered(suite=suite, position=position, records=records) for position, records in enumerate(questions.values())
    ]


def _rows(
    answered: Iterator[Answered], texts: Texts, pictures: Pictures, *, suites: Sequence[str], most_bytes: int
) -> list[tuple[dict[str, Any], int]]:
    """Rows with their place in their suite, until the next question does not fit."""
    rows: list[tuple[dict[str, Any], int]] = []
    room = most_bytes
    for answer in answered:
        before = len(texts.numbers), len(pictures.uris)
        made = [
            _row(record, model, suites.index(answer.suite), texts, pictures)
            for model, record in sorted(answer.records.items())
        ]
        fresh = [text[:LONGEST_TEXT] for text in islice(texts.numbers, before[0], None)]
        room -= size_in_page([made, fresh, pictures.uris[before[1] :]])
        if room < 0:
            break
        rows += [(row, answer.position) for row in made]
    return rows


def _row(record: ExampleRecord, model: int, suite: int, texts: Texts, pictures: Pictures) -> dict[str, Any]:
    """A record as plain data: texts and images by number, an image that is gone by its file's name."""
    numbers = [(image, pictures.number(image)) for image in record.images]
    row = {
        "id": record.id[:LONGEST_TEXT],
        "model": model,
        "suite": suite,
        "policy": record.policy[:LONGEST_TEXT],
        "request": texts.number(record.request),
        "completion": texts.number(record.completion),
        "gold": texts.number(record.gold),
        "answer": None if record.extracted is None else texts.number(record.extracted),
        "outcome": OUTCOMES.index(record.outcome),
        "reason": texts.number(record.reason),
        "value": round(record.value, 4),
        "tokens": record.prompt_tokens,
        "pictures": [Path(image).name if number is None else number for image, number in numbers],
        "sections": list(record.sections),
        "tags": dict(record.tags),
        "error": None if record.error is None else error_label(record.error),
        "parts": dict(record.parts),
        "steps": [_step(step) for step in record.steps[:MOST_STEPS]],
        "more_steps": max(0, len(record.steps) - MOST_STEPS),
    }
    return {key: value for key, value in row.items() if value not in (None, [], {}) and (value or key != "more_steps")}


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: step.get(key) for key in ("text", "verdict", "error", "why", "section", "first_wrong")}
    return {key: str(value)[:LONGEST_TEXT] for key, value in kept.items() if value}
