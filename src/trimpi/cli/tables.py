"""Tables that only the command line shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from trimpi.evaluation.results import SuiteResult
from trimpi.run.check import CheckResult


def suites_table(model: str, results: Sequence[SuiteResult]) -> Table:
    """One row per suite of one model."""
    table = _table(escape(model), "suite", "accuracy", "95 % interval", "majority", "n", "prompt tokens", "seconds")
    for result in results:
        low, high = result.interval
        table.add_row(
            result.suite,
            f"{result.accuracy:.1%}",
            f"{low:.1%} - {high:.1%}",
            f"{result.majority:.1%}",
            str(result.n),
            f"{result.prompt_tokens['mean']:.0f}",
            f"{result.seconds:.1f}",
        )
    return table


def divergence_table(model: str, result: Mapping[str, Any]) -> Table:
    """How far one model has moved from its base (the content of divergence.json)."""
    table = _table(escape(model), "KL to", "nats per token", "95 % interval", "prompts", "tokens")
    low, high = result["interval"]
    counts = (f"{result[key]:,}" for key in ("prompts", "tokens"))
    table.add_row(escape(result["base"]), f"{result['mean']:.4f}", f"{low:.4f} - {high:.4f}", *counts)
    return table


def benchmarks_table(model: str, result: Mapping[str, Any]) -> Table:
    """One row per metric of every benchmark (the content of harness.json)."""
    version = f"{result['harness']} {result['version']}"
    table = _table(escape(model), version, "metric", "filter", "value", "standard error", "n")
    for score in result["scores"]:
        stderr = "" if score["stderr"] is None else f"{score['stderr']:.4f}"
        names = (escape(score[key]) for key in ("task", "metric", "filter"))
        table.add_row(*names, f"{score['value']:.4f}", stderr, str(score["n"] or ""))
    return table


def check_tables(result: CheckResult) -> list[Table]:
    """Policies, splits and stages of a checked recipe; rules its examples exercise, and what was left out, if any."""
    policies = _table("policies", "policy", "sections", "images", "tokens")
    for policy in result.policies:
        policies.add_row(
            escape(policy.name), *(f"{number:,}" for number in (policy.sections, policy.images, policy.tokens))
        )
    splits = _table("examples", "split", "examples", "commonest answer", "policy-free prompt", "policy-aware prompt")
    for split in result.splits:
        splits.add_row(
            split.name,
            f"{split.examples:,}",
            f"{split.majority:.1%}",
            f"{split.policy_free_tokens:,.0f} tokens",
            f"{split.policy_aware_tokens:,.0f} tokens",
        )
    stages = _table("stages", "stage", "examples", "steps", "tokens, about")
    for stage in result.stages:
        bound = "at most " if stage.tokens_are_a_bound else ""
        stages.add_row(stage.name, f"{stage.examples:,}", f"{stage.steps:,}", f"{bound}{stage.tokens:,.0f}")
    tables = [policies, splits, stages]
    if result.coverage:
        rules = _table("examples that each rule decides", "rule", *(split.name for split in result.splits))
        for rule, counts in result.coverage.items():
            rules.add_row(escape(rule), *(f"{number:,}" if number else "none" for number in counts))
        tables.insert(2, rules)
    if result.left_out:
        left_out = _table("left out", "what and why")
        for line in result.left_out:
            left_out.add_row(escape(line))
        tables.insert(2, left_out)
    return tables


def _table(title: str, *headings: str) -> Table:
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number == 0 else "right")
    return table
