"""Tables that only the command line shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from trimpi.evaluation.break_even_report import assumptions_in_words, way_in_words
from trimpi.evaluation.efficiency_result import SHARES, EfficiencyResult, PromptCost, QueryPoint, within_noise
from trimpi.evaluation.results import SuiteResult
from trimpi.interval import wilson_interval
from trimpi.recipe import BreakEvenConfig
from trimpi.run.check import CheckResult, PolicySummary
from trimpi.run.endpoint_calls import EndpointUse
from trimpi.update.results import UpdateResult
from trimpi.update.versions import VersionHistory

LISTED_SECTIONS = 20
TIMES_SAVED = (("prefill_saved", "first token"), ("latency_saved", "latency"))
NOISE = "noise: paired runs differ either way (the 95 % interval of what is saved has nothing saved in it)"


def suite_tables(model: str, results: Sequence[SuiteResult]) -> list[Table]:
    """One row per suite of one model; then, where suites count parts of their questions apart, one row per part."""
    tables = [_suites_table(model, results)]
    if any(result.per_tag for result in results):
        tables.append(_tags_table(results))
    return tables


def _suites_table(model: str, results: Sequence[SuiteResult]) -> Table:
    headings = ("suite", "n", "accuracy", "95 % interval", "majority", "wrong", "no answer", "truncated", "tokens")
    table = _table(escape(model), *headings)
    for result in results:
        table.add_row(
            result.suite,
            f"{result.n:,}",
            f"{result.accuracy:.1%}",
            _interval(result.interval),
            f"{result.majority:.1%}" if result.majority else "",
            *(f"{result.outcomes[outcome]:,}" for outcome in ("wrong", "no_answer", "truncated")),
            f"{result.prompt_tokens['mean']:,.0f}",
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


def _tags_table(results: Sequence[SuiteResult]) -> Table:
    table = _table("parts of suites", "suite: part", "n", "accuracy", "95 % interval")
    for result in results:
        for tag, values in result.per_tag.items():
            for value, count in values.items():
                n, correct = count["n"], count["correct"]
                part = escape(f"{result.suite}: {tag} {value}")
                table.add_row(part, f"{n:,}", f"{correct / n:.1%}", _interval(wilson_interval(correct, n)))
    return table


def _interval(bounds: tuple[float, float]) -> str:
    low, high = bounds
    return f"{low:.1%} - {high:.1%}"


def efficiency_tables(model: str, result: EfficiencyResult) -> list[Table]:
    """What prompts cost each way, and what leaving the policy out saves of longer requests."""
    costs = _table(
        f"{escape(model)}: {result.engine} engine on {result.device}; together: {result.batch} requests in a batch",
        "policy",
        "tokens",
        "kept",
        "first token",
        "per token",
        f"{result.new_tokens} tokens",
        "together",
    )
    ways = {"in weights": result.policy_free, "in prompt": result.policy_aware, "kept": result.policy_cached}
    for name, cost in ways.items():
        if cost is not None:
            costs.add_row(name, *_cost_cells(cost))
    costs.caption = "\n".join([*_no_cache(result), *(_saved(result, share, what) for share, what in TIMES_SAVED)])
    lengths = _table(
        "saved without the policy where requests are longer; last two: of a kept one",
        "longer by",
        "tokens",
        "first token",
        "latency",
        "first token",
        "latency",
    )
    for point in result.query_lengths:
        lengths.add_row(f"{point.added:,}", f"{point.tokens_saved:.1%}", *(_share(point, share) for share in SHARES))
    notes = [*result.left_out, *([NOISE] if any(_is_noise(point) for point in result.query_lengths) else [])]
    lengths.caption = escape("\n".join(notes)) or None
    return [costs, lengths] if result.query_lengths or result.left_out else [costs]


def _no_cache(result: EfficiencyResult) -> list[str]:
    return [] if result.no_cache is None else [f"no row with the policy kept: {escape(result.no_cache)}"]


def _saved(result: EfficiencyResult, share: str, what: str) -> str:
    """A share of time saved with its interval, as far as it is known."""
    if share not in result.intervals:
        return f"{what} saved without the policy: {getattr(result, share):.1%}"
    low, high = result.intervals[share]
    value = "within noise" if within_noise(result.intervals, share) else f"{getattr(result, share):.1%}"
    return f"{what} saved without the policy: {value} (paired runs, 95 % interval {low:.1%} to {high:.1%})"


def _share(point: QueryPoint, share: str) -> str:
    value: float | None = getattr(point, share)
    if value is None:
        return "-"
    return "noise" if within_noise(point.intervals, share) else f"{value:.1%}"


def _is_noise(point: QueryPoint) -> bool:
    return any(within_noise(point.intervals, share) for share in SHARES)


def _cost_cells(cost: PromptCost) -> list[str]:
    tokens = (cost.mean_tokens, cost.cached_tokens)
    seconds = (cost.prefill_seconds, cost.seconds_per_token, cost.latency_seconds)
    rate = "-" if cost.requests_per_second is None else f"{cost.requests_per_second:.2f}/s"
    return [*(f"{number:,.0f}" for number in tokens), *(f"{1000 * value:,.1f} ms" for value in seconds), rate]


def break_even_table(report: Mapping[str, Any]) -> Table:
    """When training has paid, in words, for every way to serve; under it what was assumed."""
    currency = escape(report["assumptions"]["currency"])
    table = _table(f"training cost {report['training_cost']:,.2f} {currency}; when it has paid", "served", "")
    table.columns[1].justify = "left"
    for way, result in report["ways"].items():
        table.add_row(way_in_words(way, report), escape(result["words"]))
    unknown = ", ".join(report["hours_unknown"])
    facts = [f"{name}: {text}" for name, text in assumptions_in_words(report)]
    if unknown:
        facts.insert(0, f"not counted, since their time is not known: {unknown}")
    table.caption = escape("; ".join(facts))
    return table


def check_tables(result: CheckResult, prices: BreakEvenConfig) -> list[Table]:
    """Policies, splits and stages of a checked recipe; rules its examples exercise, what was left out, and what is
    asked of endpoints, if any.
    """
    policies = _table(
        "policies", "policy", "parts", "images", "tokens", "of images", "of the prompt", "a year in prompts"
    )
    policies.caption = (
        f"a year: {12 * prices.requests_per_month:,.0f} requests with the policy in the prompt, a million tokens "
        f"{prices.input_price:g} {escape(prices.currency)}, {prices.cached_input_price:g} for the "
        f"{prices.cache_hit_rate:.0%} that are cached (evaluation.break_even in the recipe)"
    )
    for policy in result.policies:
        policies.add_row(
            escape(policy.name),
            *(f"{number:,}" for number in (policy.sections, policy.images, policy.tokens, policy.image_tokens)),
            f"{policy.share:.0%}",
            f"{policy.yearly_cost:,.2f}",
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
    tables = [policies, *map(_passages_table, result.policies), splits, stages]
    if result.coverage:
        rules = _table("examples that each rule decides", "rule", *(split.name for split in result.splits))
        for rule, counts in result.coverage.items():
            rules.add_row(escape(rule), *(f"{number:,}" if number else "none" for number in counts))
        tables.insert(-1, rules)
    if result.left_out:
        left_out = _table("left out", "what and why")
        for line in result.left_out:
            left_out.add_row(escape(line))
        tables.insert(-1, left_out)
    if result.endpoints:
        tables.append(_endpoints_table(result.endpoints))
    return tables


def _endpoints_table(uses: Sequence[EndpointUse]) -> Table:
    table = _table("asked of endpoints, at most", "part", "model", "calls", "prompt tokens, about", "written, at most")
    table.caption = (
        "tokens as the recipe's model counts them; an endpoint counts its own way, and has no price in the recipe. "
        "Nothing that was answered before is asked again"
    )
    for use in uses:
        numbers = (use.calls.number, use.calls.prompt_tokens, use.calls.written_tokens)
        table.add_row(use.part, escape(use.model), *(f"{number:,}" for number in numbers))
    return table


def _passages_table(policy: PolicySummary) -> Table:
    """The longest sections of a policy, in their order."""
    table = _table(f"sections of {escape(policy.name)}", "section", "tokens", "of images", "a year in prompts")
    ranked = sorted(policy.passages, key=lambda passage: -passage.tokens)
    least = ranked[min(LISTED_SECTIONS, len(ranked)) - 1].tokens if ranked else 0
    listed = [passage for passage in policy.passages if passage.tokens >= least][:LISTED_SECTIONS]
    for passage in listed:
        table.add_row(
            escape(passage.title[:60]),
            f"{passage.tokens:,}",
            f"{passage.image_tokens:,}",
            f"{passage.yearly_cost:,.2f}",
        )
    if len(listed) < len(policy.passages):
        table.caption = f"and {len(policy.passages) - len(listed)} shorter ones"
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number == 0 else "right", no_wrap=number == 0)
    return table


def update_table(result: UpdateResult) -> Table:
    """One row per group of test requests: the previous model, the same with the new policy in its prompt, the new."""
    table = _table("what the update did", "requests", "n", "before", "in context", "after", "p")
    for group in result.groups:
        n = group.before[1]
        if n == 0:
            continue
        shown = [_rate(count) for count in (group.before, group.in_context, group.after)]
        table.add_row(group.name, f"{n:,}", *shown, f"{group.p:.2g}")
    share = f"{result.seconds / result.first_seconds:.0%} of the first version's {result.first_seconds:,.0f} s"
    table.caption = (
        "right answers with their 95% Wilson interval, policy-free but for 'in context': the previous model with the "
        "new policy in its prompt; p: McNemar's, before against after; old answers: affected requests by what was "
        f"right before. Trained for {result.seconds:,.0f} s, {share}"
    )
    return table


def versions_table(history: VersionHistory) -> Table:
    """One row per version, the one in use marked."""
    table = _table(str(history.root), "version", "from", "policy", "right, policy-free", "trained", "finished")
    current = history.current.number
    for version in history.versions:
        hashes = "\n".join(f"{escape(name)} {hash[:8]}" for name, hash in version.policies.items())
        results = "\n".join(f"{name} {right}/{n}" for name, (right, n) in version.results.items() if n)
        table.add_row(
            f"{version.number}{' in use' if version.number == current else ''}",
            "" if version.parent is None else str(version.parent),
            hashes,
            results,
            f"{version.seconds:,.0f} s",
            version.finished.partition("T")[0],
        )
    return table


def _rate(count: tuple[int, int]) -> str:
    right, n = count
    low, high = wilson_interval(right, n)
    return f"{right / n:.1%} ({low:.1%}-{high:.1%})"
