"""What the page says first: how far the policy got into the weights, and what that saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trimpi.evaluation.efficiency_result import within_noise
from trimpi.evaluation.results import SuiteResult
from trimpi.reporting.run_directory import Evaluation, RunRecord
from trimpi.reporting.wording import count, interval, percent, points, saving, savings_interval, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One figure that stands out, what it is, and what it is to be compared with."""

    label: str
    value: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The first lines of the page. `note` says what is not there yet, and is empty for a finished run."""

    title: str
    lead: str
    note: str
    cards: Sequence[Card]


def headline(run: RunRecord) -> Headline:
    before, after = _accuracy(run.base), _accuracy(run.latest)
    return Headline(
        title=_title(before, after),
        lead=_lead(run, before, after),
        note=_note(run),
        cards=[*_accuracy_cards(run, before, after), *_cost_cards(run)],
    )


def _accuracy(evaluation: Evaluation | None) -> SuiteResult | None:
    return evaluation.accuracy if evaluation else None


def _title(before: SuiteResult | None, after: SuiteResult | None) -> str:
    if before and after:
        return f"{percent(before.accuracy)} → {percent(after.accuracy)} right, without the policy in the prompt"
    if after:
        return f"{percent(after.accuracy)} right, without the policy in the prompt"
    return (
        f"Before training: {percent(before.accuracy)} right without the policy" if before else "Nothing evaluated yet"
    )


def _lead(run: RunRecord, before: SuiteResult | None, after: SuiteResult | None) -> str:
    names = [policy.name for policy in run.policies]
    subject = (
        f"{len(names)} policies ({', '.join(names)})" if len(names) > 1 else f"the policy {''.join(names)}".strip()
    )
    if after is None:
        asked = f" Before training, the base model was asked {count(before.n)} unseen requests." if before else ""
        return f"This run internalizes {subject}: into the weights, out of the prompt.{asked}"
    sentences = [
        f"This run trained {subject} into the weights. Asked {count(after.n)} unseen requests without being shown any "
        f"policy, the model now gives {percent(after.accuracy)} right answers "
        f"(95% interval {interval(after.interval)})."
    ]
    if before:
        sentences.append(_comparison(before, after))
    return " ".join(sentences)


def _comparison(before: SuiteResult, after: SuiteResult) -> str:
    was = f"Before training it gave {percent(before.accuracy)} ({interval(before.interval)})"
    if after.interval[0] > before.interval[1]:
        return f"{was}; the intervals do not overlap."
    if after.interval[1] < before.interval[0]:
        return f"{was}: training made it worse."
    return f"{was}: the intervals overlap, so this run does not show a gain."


def _note(run: RunRecord) -> str:
    if run.finished:
        return ""
    done = run.latest.number if run.latest else 0
    return (
        f"The run is not finished: {done} of {run.stages_planned} stages are evaluated; this page shows what there is."
    )


def _accuracy_cards(run: RunRecord, before: SuiteResult | None, after: SuiteResult | None) -> list[Card]:
    cards = []
    result = after or before
    if result:
        start = f", from {percent(before.accuracy)}" if before and after else ""
        cards.append(
            Card(
                label="Policy-free accuracy",
                value=percent(result.accuracy),
                detail=f"{interval(result.interval)}{start}",
            )
        )
    prompted = run.base.in_context if run.base else None
    if prompted and after:
        cards.append(
            Card(
                label="Against the prompted base",
                value=f"{points(after.accuracy - prompted.accuracy)} points",
                detail=f"given the policy it scores {percent(prompted.accuracy)} ({interval(prompted.interval)})",
            )
        )
    elif prompted:
        cards.append(
            Card(
                label="Base model, policy in context",
                value=percent(prompted.accuracy),
                detail=interval(prompted.interval),
            )
        )
    return cards


def _cost_cards(run: RunRecord) -> list[Card]:
    cost = run.efficiency
    if cost is None:
        return []
    free, aware = cost["policy_free"], cost["policy_aware"]
    noise = within_noise(cost.get("intervals", {}), "prefill_saved")
    return [
        Card(
            label="Prompt tokens",
            value=saving(cost["tokens_saved"]),
            detail=f"{count(aware['mean_tokens'])} → {count(free['mean_tokens'])}, images included",
        ),
        Card(
            label="Prefill time",
            value="within noise" if noise else saving(cost["prefill_saved"]),
            detail=f"{seconds(aware['prefill_seconds'])} → {seconds(free['prefill_seconds'])} on {cost['device']}"
            + (f"; paired runs: {savings_interval(cost['intervals']['prefill_saved'])}" if noise else ""),
        ),
    ]
