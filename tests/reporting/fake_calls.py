"""A made-up run whose answers are tool calls: its score has parts, its errors kinds, and rules decide its requests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import yaml

from reporting.fake_run import build_fake_run
from trimpi.evaluation.results import ExampleRecord, load_records, load_result, summarise
from trimpi.tasks.gta.rules import GTA_RULES


def build_fake_calls_run(folder: Path, *, n: int = 60, evaluated: Sequence[str] = ("base", "rl")) -> Path:
    """A run like `build_fake_run`'s under one policy, whose wrong answers alternate between two kinds of errors."""
    run = build_fake_run(folder, n=n, evaluated=evaluated)
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    (run / "recipe.yaml").write_text(yaml.safe_dump({**recipe, "task": {"type": "gta"}}, sort_keys=False))
    for path in sorted((run / "eval").glob("*/*.jsonl")):
        records = [as_call(record, position) for position, record in enumerate(load_records(path))]
        rewrite_suite(path, records)
    return run


def as_call(record: ExampleRecord, position: int) -> ExampleRecord:
    """The record as one of a tool call; every other wrong one has the right tool and half of its arguments right."""
    correct = record.outcome == "correct"
    tool = float(correct or position % 2 == 0)
    argument = 1.0 if correct else tool / 2
    rules = GTA_RULES.rule_ids
    return replace(
        record,
        policy="GTAPolicy",
        value=(tool + argument) / 2,
        parts={"tool": tool, "argument": argument, "overall": (tool + argument) / 2},
        error=None if correct else "wrong_argument:image" if tool else "wrong_version",
        sections=(rules[position % len(rules)],),
    )


def rewrite_suite(path: Path, records: Sequence[ExampleRecord]) -> None:
    """Put other records into a suite's JSONL, and the result that follows from them into the JSON beside it."""
    old = load_result(path.with_suffix(".json"))
    result = summarise(
        records,
        suite=old.suite,
        model=old.model,
        seed=old.seed,
        max_new_tokens=old.max_new_tokens,
        seconds=old.seconds,
    )
    path.write_text("".join(json.dumps(asdict(record)) + "\n" for record in records))
    path.with_suffix(".json").write_text(result.to_json())
