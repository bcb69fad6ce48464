"""What a suite leaves on disk: one JSON with the result, one JSONL line per example. Torch-free."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

from trimpi.errors import RunError
from trimpi.evaluation.storage import read_json, read_jsonl
from trimpi.interval import mean_interval, wilson_interval
from trimpi.types import Outcome

EFFICIENCY = "efficiency"
"""A suite by name, and a measurement of its own: it asks nothing that is scored."""
EFFICIENCY_FILE = f"{EFFICIENCY}.json"
DIVERGENCE_FILE = "divergence.json"
HARNESS_FILE = "harness.json"
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean over the examples with its 95 % interval, both in [0, 1]."""

    mean: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleRecord:
    """How one question of a suite went. `prompt_id` identifies the prompt exactly: its text and its images' bytes.

    `request` is the text of the request alone. `parts` and `error` are the score's; `sections` are those of the policy
    that decide the answer; `tags` are the question's. `steps` are the judged steps of the reasoning, in suites that
    judge it: objects with text, verdict, error, why, section, and whether it is the first_wrong.
    """

    id: str
    policy: str
    prompt_id: str
    prompt_tokens: int
    request: str
    completion: str
    extracted: str | None
    value: float
    outcome: Outcome
    reason: str
    gold: str
    images: tuple[str, ...]
    parts: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None
    sections: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """The result of one suite on one model. Rates are in [0, 1].

    `interval` is the Wilson 95 % interval of `accuracy`. `majority` is what one fixed answer per policy would score at
    best: the rate of each policy's commonest gold answer; 0 where there are none. `prompt_tokens` counts image tokens
    too. `score` is the mean of the examples' values, `parts` those of what they are made of; `errors` counts kinds of
    errors. `per_section` counts the examples that each section of the policy decides, `per_tag` those with each value
    of each tag. `details` are what a suite has to say beyond that. `model_key` is a hash of what the model's answers
    depend on besides the prompts; "" where nobody knows.
    """

    suite: str
    model: str
    n: int
    correct: int
    accuracy: float
    interval: tuple[float, float]
    majority: float
    per_policy: Mapping[str, Mapping[str, int]]
    outcomes: Mapping[str, int]
    seed: int
    max_new_tokens: int
    prompt_tokens: Mapping[str, float]
    seconds: float
    score: Mean
    parts: Mapping[str, Mean]
    errors: Mapping[str, int]
    per_section: Mapping[str, Mapping[str, int]]
    per_tag: Mapping[str, Mapping[str, Mapping[str, int]]]
    details: Mapping[str, Any]
    model_key: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


def summarise(
    records: Sequence[ExampleRecord],
    *,
    suite: str,
    model: str,
    seed: int,
    max_new_tokens: int,
    seconds: float,
    details: Mapping[str, Any] | None = None,
    model_key: str = "",
) -> SuiteResult:
    """Count the records of a suite. Every outcome is a count of its own: no answer and truncated are not "wrong"."""
    outcomes = Counter(record.outcome for record in records)
    n, correct = len(records), outcomes["correct"]
    lengths = [record.prompt_tokens for record in records]
    return SuiteResult(
        suite=suite,
        model=model,
        n=n,
        correct=correct,
        accuracy=correct / n,
        interval=wilson_interval(correct, n),
        majority=majority_rate((record.policy, record.gold) for record in records if record.gold),
        per_policy=_per_policy(records),
        outcomes={outcome: outcomes[outcome] for outcome in OUTCOMES},
        seed=seed,
        max_new_tokens=max_new_tokens,
        prompt_tokens={"mean": sum(lengths) / n, "max": max(lengths)},
        seconds=round(seconds, 3),
        score=_mean([record.value for record in records]),
        parts=_parts(records),
        errors=dict(sorted(Counter(record.error for record in records if record.error is not None).items())),
        per_section=_per_section(records),
        per_tag=_per_tag(records),
        details=details or {},
        model_key=model_key,
    )


def majority_rate(answers: Iterable[tuple[str, str]]) -> float:
    """The share of (policy, gold answer) pairs that hold their policy's commonest answer: the score of not looking.

    Policy by policy, since a request names its policy. 0 without answers.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for policy, answer in answers:
        counts[policy][answer] += 1
    commonest = sum(max(counter.values()) for counter in counts.values())
    return commonest / max(sum(counter.total() for counter in counts.values()), 1)


def _mean(values: Sequence[float]) -> Mean:
    return Mean(mean=fmean(values), interval=mean_interval(values))


def _parts(records: Sequence[ExampleRecord]) -> dict[str, Mean]:
    names = dict.fromkeys(name for record in records for name in record.parts)
    return {name: _mean([record.parts.get(name, 0.0) for record in records]) for name in names}


def _per_section(records: Sequence[ExampleRecord]) -> dict[str, dict[str, int]]:
    """Per section: how many examples it decides, how many of them are right, and whose parts are whole."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        for section in record.sections:
            counts[section].update(n=1, correct=int(record.outcome == "correct"))
            counts[section].update({name: int(value == 1) for name, value in record.parts.items()})
    return {section: dict(counts[section]) for section in sorted(counts)}


def _per_tag(records: Sequence[ExampleRecord]) -> dict[str, dict[str, dict[str, int]]]:
    """For every value of every tag: how many questions have it and how many of them are right."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for record in records:
        for tag, value in record.tags.items():
            count = counts.setdefault(tag, {}).setdefault(value, {"n": 0, "correct": 0})
            count["n"] += 1
            count["correct"] += record.outcome == "correct"
    return counts


def _per_policy(records: Sequence[ExampleRecord]) -> dict[str, dict[str, int]]:
    counts = {policy: {"n": 0, "correct": 0} for policy in sorted({record.policy for record in records})}
    for record in records:
        counts[record.policy]["n"] += 1
        counts[record.policy]["correct"] += record.outcome == "correct"
    return counts


def load_result(path: Path) -> SuiteResult:
    """Read a suite's JSON. Raises RunError naming the file and the missing keys."""
    data = read_json(path)
    known = {known.name for known in fields(SuiteResult)}
    _require(path, data, known - {"model_key"})
    kept = {key: value for key, value in data.items() if key in known}
    means = {
        "score": _read_mean(data["score"]),
        "parts": {name: _read_mean(part) for name, part in data["parts"].items()},
    }
    return SuiteResult(**{**kept, **means, "interval": tuple(data["interval"])})


def _read_mean(data: Mapping[str, Any]) -> Mean:
    return Mean(mean=data["mean"], interval=tuple(data["interval"]))


def load_records(path: Path) -> list[ExampleRecord]:
    """Read a suite's JSONL. Raises RunError naming the file and what is wrong with it."""
    return [read_record(path, row) for row in read_jsonl(path)]


def read_record(path: Path, row: Mapping[str, Any]) -> ExampleRecord:
    """A record from a line of `path`. Raises RunError naming the file and the missing keys."""
    names = [known.name for known in fields(ExampleRecord)]
    _require(path, row, set(names))
    lists = {name: tuple(row[name]) for name in ("images", "sections", "steps")}
    return ExampleRecord(**{**{name: row[name] for name in names}, **lists})


def _require(path: Path, data: Mapping[str, Any], keys: set[str]) -> None:
    missing = sorted(keys - set(data))
    if missing:
        raise RunError(f"{path} lacks {', '.join(missing)}: delete it and evaluate again")
