"""A made-up run with every kind of suite: tagged, judged step by step, scored by degrees, and one nobody knows."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

from evaluation.fake_efficiency import make_cost, make_efficiency
from reporting.fake_run import EVALUATED, build_fake_run
from trimpi.evaluation.break_even_report import StageCost, break_even_report
from trimpi.evaluation.override import override_details
from trimpi.evaluation.override_matrix import override_matrix_details
from trimpi.evaluation.question import SuiteSource
from trimpi.evaluation.results import ExampleRecord, load_records, summarise
from trimpi.recipe import BreakEvenConfig

SECTIONS = ("1", "1.1", "1.2")
SKILLS = ("color", "count", "copy", "sort", "policy_T1")
UNUSED = cast("SuiteSource", None)
REFERRAL = {
    "n": 60,
    "unjudged": 0,
    "score": 6.25,
    "score_interval": [5.5, 7.0],
    "first_errors": {"branching": 12, "recall": 3},
    "step_errors": {"branching": 14, "recall": 4},
    "steps": {"right": 90, "wrong": 18},
}


def build_fake_suites_run(folder: Path, *, n: int = 60, evaluated: Sequence[str] = EVALUATED) -> Path:
    """A run like `build_fake_run`'s with more suites, and an RL log, a break-even and a divergence."""
    run = build_fake_run(folder, n=n, evaluated=evaluated)
    for model in sorted((run / "eval").iterdir()):
        records = load_records(model / "accuracy.jsonl")
        generator = random.Random(model.name)
        overridden, asked = _overridden(records), _asked_thrice(records)
        write_suite(model, "override", overridden, details=override_details(UNUSED, overridden))
        write_suite(model, "override_matrix", asked, details=override_matrix_details(UNUSED, asked))
        write_suite(model, "referral", [_judged(record) for record in records], details=REFERRAL)
        write_suite(model, "branching", records, details=branching_details(generator, n))
        write_suite(model, "forgetting", _skills(records, generator))
        write_suite(model, "zoology", records, details={"animals": {"cat": 3}, "share": 0.123456})
        (model / "divergence.json").write_text(json.dumps({"model": model.name, "base": "nano", "mean": 0.0312}))
    (run / "break_even.json").write_text(json.dumps(break_even()))
    add_rl_log(run)
    return run


def write_suite(
    model: Path, suite: str, records: Sequence[ExampleRecord], details: Mapping[str, Any] | None = None
) -> None:
    """Put a finished suite with these records into a model's folder."""
    result = summarise(records, suite=suite, model=str(model), seed=0, max_new_tokens=128, seconds=1.5, details=details)
    model.mkdir(parents=True, exist_ok=True)
    (model / f"{suite}.jsonl").write_text("".join(json.dumps(asdict(record)) + "\n" for record in records))
    (model / f"{suite}.json").write_text(result.to_json())


def branching_details(generator: random.Random, n: int) -> dict[str, Any]:
    gold = dict(zip(SECTIONS, (n, n // 2, n - n // 2), strict=True))
    cited = {section: max(0, number + generator.randint(-9, 9)) for section, number in gold.items()}
    difference = sum(abs(cited[section] - gold[section]) for section in SECTIONS) / len(SECTIONS)
    return {
        "responses": n,
        "cited": cited,
        "gold": gold,
        "nonexistent": {"7.7": 2},
        "nothing_to_cite": 0,
        "mean_absolute_difference": difference,
        "mean_absolute_difference_per_100": 100 * difference / n,
        "per_policy": {},
    }


def break_even() -> dict[str, Any]:
    """Training cost 1 USD. By the token a request saves 180 µUSD; alone on a machine of one's own it saves nothing."""
    slow = make_cost(prefill_seconds=0.6)
    stages = [StageCost(name="01-cot_sft", hours=0.5, flops=None), StageCost(name="02-rl", hours=None, flops=None)]
    return break_even_report(BreakEvenConfig(cache_hit_rate=0.0), make_efficiency(policy_free=slow), stages)


def add_rl_log(run: Path) -> None:
    path = run / "stages" / "03-rl" / "metrics.jsonl"
    if path.is_file():
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            row.update(
                reward_gap=row["reward_policy_aware"] - row["reward_policy_free"],
                groups=8.0,
                zero_variance_groups=float(min(8, row["step"] // 9)),
                completion_length=80 - row["step"] / 3,
                kl=0.0007 * row["step"],
                entropy=0.5,
                clip_ratio=0.01,
            )
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _overridden(records: Sequence[ExampleRecord]) -> list[ExampleRecord]:
    edits = ("one condition", "one subtree", "everything")
    return [
        replace(
            record,
            id=f"{record.id}/{edit}",
            tags={"edit": edit, "affected": "yes" if edit == "everything" or position % 3 == 0 else "no"},
            error="old_answer" if record.outcome == "wrong" else None,
        )
        for edit in edits
        for position, record in enumerate(records)
    ]


def _asked_thrice(records: Sequence[ExampleRecord]) -> list[ExampleRecord]:
    return [
        replace(
            record, id=f"{record.id}/{asked}", tags={"asked": asked, "answers": "differ" if position % 4 else "same"}
        )
        for position, record in enumerate(records)
        for asked in ("internalized", "given", "unnamed")
    ]


def _judged(record: ExampleRecord) -> ExampleRecord:
    """The completion taken apart; a wrong answer went wrong at its second step."""
    right = record.outcome == "correct"
    second = {"text": "I go to Condition 1.1.", "verdict": "right", "error": None, "why": "", "section": None}
    if not right:
        second |= {
            "verdict": "wrong",
            "error": "branching",
            "why": "the policy sends to Condition 1.2",
            "first_wrong": True,
        }
    steps = [
        {"text": f"I follow {record.policy}.", "verdict": "unread", "error": None, "why": "", "section": None},
        second,
        {"text": "Condition 1.1: the sphere is small.", "verdict": "right", "error": None, "why": "", "section": "1.1"},
    ]
    return replace(record, steps=steps, value=1.0 if right else 0.25, error=None if right else "branching")


def _skills(records: Sequence[ExampleRecord], generator: random.Random) -> list[ExampleRecord]:
    return [
        replace(
            record,
            id=f"{skill}-{position:03d}",
            policy=skill,
            images=record.images if skill in ("color", "count") else (),
            request=f"A question about {skill}, number {position}",
            outcome="correct" if generator.random() < 0.8 else "wrong",
            tags={"skill": skill},
        )
        for skill in SKILLS
        for position, record in enumerate(records[:32])
    ]
