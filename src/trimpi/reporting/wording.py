"""How numbers and names are written for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MISSING = "–"
STAGE_LABELS: Mapping[str, str] = {
    "base": "Base",
    "vm_cpt": "VM-CPT",
    "direct_sft": "Direct SFT",
    "cot_sft": "CoT SFT",
    "soft_prompt": "Soft prompt",
    "rl": "RL",
}
SUITES: Mapping[str, tuple[str, str]] = {
    "accuracy": ("Policy-free", "unseen requests, no policy in the prompt"),
    "in_context": ("Policy in context", "the same requests with the policy in the prompt"),
    "override": ("Override", "an updated policy in the prompt, to be followed instead of the learned one"),
    "override_matrix": ("Override matrix", "another policy in the prompt; asked for one, the other, or neither"),
    "recitation": ("Recitation", "what a section says, asked of a model that is not shown it"),
    "referral": ("Referral", "reasoning without a wrong step, judged against policy and image"),
    "branching": ("Branching", "reasoning that cites the sections of the gold chain, in its order"),
    "leakage": ("Leakage", "prompts that try to get the policy's text; right means that nothing came out"),
    "few_shot": ("Few-shot", "solved requests in the prompt instead of the policy"),
    "retrieval": ("Retrieval", "the sections in the prompt that a search finds for the request"),
    "forgetting": ("Forgetting", "what the base could do before: scenes, plain text, policies it has not seen"),
}
"""The suites in the order pages show them: label, and what is asked."""
OUTCOME_LABELS: Mapping[str, str] = {
    "correct": "correct",
    "wrong": "wrong",
    "no_answer": "no answer",
    "truncated": "truncated",
}
PART_LABELS: Mapping[str, str] = {"tool": "Tool Acc", "argument": "Arg Score", "overall": "Overall"}
PART_MEANINGS: Mapping[str, str] = {
    "tool": "share of calls that name the right tool and version",
    "argument": "mean score of a call's arguments",
    "overall": "half Tool Acc and half Arg Score",
}
LONGEST_KIND = 60
BYTE_UNITS = ("B", "kB", "MB", "GB", "TB")


def stage_label(name: str) -> str:
    return STAGE_LABELS.get(name, name)


def suite_label(name: str) -> str:
    return SUITES[name][0] if name in SUITES else words(name).capitalize()


def suite_meaning(name: str) -> str:
    return SUITES[name][1] if name in SUITES else ""


def suite_rank(name: str) -> tuple[int, str]:
    """A sort key: the known suites in their order, others after them by name."""
    return list(SUITES).index(name) if name in SUITES else len(SUITES), name


def words(name: str) -> str:
    """A name as keys and files have it, as words."""
    return name.replace("_", " ")


def sentence(text: str) -> str:
    """With a capital at its beginning, and the rest as it is."""
    return text[:1].upper() + text[1:]


def part_label(name: str) -> str:
    return PART_LABELS.get(name, name)


def parts_legend(names: Iterable[str]) -> str:
    """What each part is, and what the intervals beside them are."""
    meanings = [f"{part_label(name)}: {PART_MEANINGS.get(name, 'mean of this part of the score')}" for name in names]
    return "; ".join([*meanings, "means with 95% intervals"])


def error_label(kind: str) -> str:
    """ "wrong_argument:image" as "wrong argument: image", in at most 60 characters: a model may have named it."""
    head, colon, name = kind.partition(":")
    label = head.replace("_", " ") + (f": {name}" if colon else "")
    return label if len(label) <= LONGEST_KIND else f"{label[: LONGEST_KIND - 1]}…"


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def interval(bounds: tuple[float, float]) -> str:
    return f"{100 * bounds[0]:.1f}–{100 * bounds[1]:.1f}"


def points(difference: float) -> str:
    """A difference of two accuracies, in percentage points, with its sign."""
    return f"{100 * difference:+.1f}".replace("-", "−")


def points_interval(bounds: tuple[float, float]) -> str:
    return f"{points(bounds[0])} to {points(bounds[1])}"


def saving(share: float) -> str:
    """A share saved, as the change that it is: 0.7 saved is −70%."""
    return f"{-100 * share:+.0f}%".replace("-", "−")


def savings_interval(bounds: tuple[float, float]) -> str:
    """Of a share saved, as changes: from the most that is saved to the least."""
    return f"{saving(bounds[1])} to {saving(bounds[0])}"


def count(number: float | None) -> str:
    return MISSING if number is None else f"{number:,.0f}"


def seconds(number: float | None) -> str:
    if number is None:
        return MISSING
    if number < 1:
        return f"{1000 * number:.1f} ms" if number < 0.1 else f"{1000 * number:.0f} ms"
    if number < 60:
        return f"{number:.1f} s"
    minutes, rest = divmod(round(number), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def size(number: float | None) -> str:
    """Bytes in decimal units."""
    if number is None:
        return MISSING
    for unit in BYTE_UNITS:
        if number < 1000 or unit == BYTE_UNITS[-1]:
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit in ("B", "kB", "MB") else f"{number:.2f} {unit}"


def decimal(number: float) -> str:
    """A number of no known unit: four decimals, or four digits where these would be zeros."""
    return f"{number:.4g}" if 0 < abs(number) < 0.001 else f"{round(number, 4):,}"


def p_value(p: float) -> str:
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}" if p < 0.1 else f"p = {p:.2f}"


def flatten(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested JSON as (dotted key, text) rows, in order."""
    if isinstance(value, Mapping) and value:
        return [
            row for key, inner in value.items() for row in flatten(inner, f"{prefix}.{key}" if prefix else str(key))
        ]
    if isinstance(value, list) and any(isinstance(inner, Mapping | list) for inner in value):
        return [row for number, inner in enumerate(value) for row in flatten(inner, f"{prefix}.{number}")]
    if isinstance(value, list):
        return [(prefix, ", ".join(str(inner) for inner in value) or MISSING)]
    if isinstance(value, float):
        return [(prefix, decimal(value))]
    return [(prefix, MISSING if value is None or value == {} else str(value))]
