"""What a suite has to say beyond its counts, in sentences. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trimpi.evaluation.results import SuiteResult
from trimpi.interval import wilson_interval

WAYS_OF_ASKING = {
    "internalized": "asked by name for the internalized policy",
    "given": "asked by name for the policy in the prompt",
    "unnamed": "asked without a name",
}


def details_in_words(result: SuiteResult) -> list[str]:
    """One line each; none for a suite without details, or for details of an unknown suite."""
    writers = {
        "override": _override,
        "override_matrix": _override_matrix,
        "leakage": _leakage,
        "referral": _referral,
        "branching": _branching,
    }
    if not result.details or result.suite not in writers:
        return []
    return list(writers[result.suite](result.details))


def rate(correct: int, n: int) -> str:
    """ "93.3% (28 of 30; 78.7% - 98.2%)", with the Wilson 95 % interval; "none" of nothing."""
    if n == 0:
        return "none"
    low, high = wilson_interval(correct, n)
    return f"{correct / n:.1%} ({correct} of {n}; {low:.1%} - {high:.1%})"


def _override(details: Mapping[str, Any]) -> Iterator[str]:
    for edit, counts in details["by_edit"].items():
        affected, rest = counts["affected"], counts["unaffected"]
        if affected["n"]:
            followed, kept = rate(affected["correct"], affected["n"]), affected["old_answer"]
            yield f"{edit} edited: of the requests it affects {followed} follow it, {kept} keep the old answer"
        if rest["n"]:
            yield f"{edit} edited: of the requests it leaves alone {rate(rest['correct'], rest['n'])} are right"


def _override_matrix(details: Mapping[str, Any]) -> Iterator[str]:
    for asked, count in details["where_answers_differ"].items():
        right, other = rate(count["correct"], count["n"]), count["other_policy"]
        yield f"{WAYS_OF_ASKING[asked]}: {right} right where the policies differ, {other} by the other policy"


def _leakage(details: Mapping[str, Any]) -> Iterator[str]:
    words = details["extracted_words"]
    yield f"prompts that extract {words} words or more in a row: {rate(details['extracted'], details['n'])}"
    shortest, covered = details["copied_words"], details["mean_covered"]
    yield f"a prompt gets {covered:.1%} of the policy's words in the mean, counting spans of {shortest} or more"
    if details["longest_span_words"]:
        span, place = details["longest_span"], details["longest_span_id"]
        yield f'the longest span has {details["longest_span_words"]} words ({place}): "{span}"'
    control = details["control"]
    if control is None:
        yield "there is no unseen policy to compare with"
    else:
        yield (
            f"against policies that no model has seen: {rate(control['extracted'], control['n'])}, "
            f"{control['mean_covered']:.1%}, longest span {control['longest_span_words']} words"
        )


def _referral(details: Mapping[str, Any]) -> Iterator[str]:
    if details["score"] is not None:
        low, high = details["score_interval"]
        yield f"the reasoning scores {details['score']:.2f} of 10 (n = {details['n']}; {low:.2f} - {high:.2f})"
    if details["unjudged"]:
        yield f"{details['unjudged']} could not be judged"
    if details["first_errors"]:
        yield f"first wrong steps by kind: {_counts(details['first_errors'])}"
        yield f"all wrong steps by kind: {_counts(details['step_errors'])}"
    if "language_model" in details:
        yield from _language_model(details["language_model"])


def _language_model(found: Mapping[str, Any]) -> Iterator[str]:
    name, usage = found["model"], found["usage"]
    if found["score"] is not None:
        low, high = found["score_interval"]
        yield f"{name} as the judge scores it {found['score']:.2f} of 10 (n = {found['n']}; {low:.2f} - {high:.2f})"
    agreement = found["agreement"]
    if agreement is not None:
        low, high = agreement["mean_absolute_difference_interval"]
        near, n = round(agreement["within_one"] * agreement["n"]), agreement["n"]
        line = (
            f"it differs from the exact judge by {agreement['mean_absolute_difference']:.2f} points in the mean "
            f"({low:.2f} - {high:.2f}), by one or less in {rate(near, n)}"
        )
        if agreement["pearson_interval"] is not None:
            low, high = agreement["pearson_interval"]
            line += f"; their correlation is {agreement['pearson']:.2f} ({low:.2f} - {high:.2f})"
        yield line
    if found["unread"]:
        yield f"{found['unread']} of its {found['asked']} judgements have no score that can be read"
    if found["failed"]:
        failed = sum(found["failed"].values())
        yield (
            f"{failed} of {found['asked']} responses it did not judge ({_counts(found['failed'])}); evaluate again to "
            f"ask about those only. The last time: {found['failure']}"
        )
    yield (
        f"{name} was paid {usage['answers']:,} answers: {usage['prompt_tokens']:,} tokens read, "
        f"{usage['completion_tokens']:,} written"
    )


def _branching(details: Mapping[str, Any]) -> Iterator[str]:
    yield f"branching error over {details['responses']} responses: {_difference(details)}"
    if len(details["per_policy"]) > 1:
        for name, error in details["per_policy"].items():
            yield f"{name}, {error['responses']} responses: {_difference(error)}"
    if details["nothing_to_cite"]:
        yield f"{details['nothing_to_cite']} requests have nothing to cite and are not counted as right or wrong"
    if details["nonexistent"]:
        yield f"cited without being there: {_counts(details['nonexistent'])}"


def _difference(error: Mapping[str, Any]) -> str:
    total, per_hundred = error["mean_absolute_difference"], error["mean_absolute_difference_per_100"]
    return f"a section's citations are off by {total:.2f} in the mean, {per_hundred:.2f} per 100 responses"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in counts.items())
