"""A model's card: which policy is in its weights, how it got there, what was measured, and what was not.

In the format of model cards: YAML between lines of dashes, then Markdown. Everything is read from a run directory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from trimpi.evaluation.results import SuiteResult
from trimpi.reporting.measures import on_one_line
from trimpi.reporting.methods import method_of
from trimpi.reporting.policy_update import PolicyUpdate, read_update
from trimpi.reporting.run_directory import Evaluation, RunRecord, Stage
from trimpi.reporting.tables import markdown_row
from trimpi.reporting.wording import count, interval, percent, seconds, suite_label, suite_meaning

MARKUP = re.compile(r"([\\`*_\[\]<>])")
SAFETY_SUITES: Mapping[str, str] = {
    "leakage": "whether it gives the policy's text away when asked for it",
    "override": "whether it follows an updated policy in its prompt",
    "forgetting": "what it lost of what the base could do",
    "in_context": "how it does with the policy back in the prompt",
}
"""Suites whose absence a reader of the card should know of."""


def model_card(run: RunRecord | None, *, stage: str | None, name: str, about: Mapping[str, Any]) -> str:
    """The card of the model that `stage` of a run made; of one that comes from no run, what little is known.

    `about` is what lies beside the weights: trimpi, instruction, weights, parity.
    """
    sections = [f"# {_plain(name)}"]
    if run is None:
        sections.append(
            "Exported from a folder that belongs to no run: its policy, training and evaluation are not known here."
        )
    else:
        sections += _of_run(run, stage or "")
    sections += [_asking(name, about), _provenance(run, about)]
    return f"---\n{yaml.safe_dump(_metadata(run, about), sort_keys=False)}---\n\n" + "\n\n".join(sections) + "\n"


def _metadata(run: RunRecord | None, about: Mapping[str, Any]) -> dict[str, Any]:
    adapter = about["weights"] != "merged"
    metadata: dict[str, Any] = {
        "library_name": "peft" if adapter else "transformers",
        "pipeline_tag": "image-text-to-text",
        "tags": ["trimpi", "policy-internalization"],
    }
    base = None if run is None else run.manifest.get("model", {}).get("path")
    if base and "/" in base and not base.startswith((".", "/", "~")):
        metadata["base_model"] = base
    return metadata


def _of_run(run: RunRecord, stage: str) -> Iterator[str]:
    number = int(stage.partition("-")[0] or 0)
    stages = [made for made in run.stages if made.number <= number]
    before, after = run.base, next((found for found in run.evaluations if found.number == number), None)
    yield (
        "A vision-language model that was trained to follow the policy below without having it in its prompt. Base: "
        f"{_plain(str(run.manifest.get('model', {}).get('path', 'unknown')))}."
    )
    yield _policies(run)
    update = read_update(run.folder)
    if update is not None:
        yield _version(update)
    yield _data(run)
    yield _method(run, stages)
    yield _evaluations(run, before, after)
    yield _leakage(after)
    yield _limits(run, after)


def _policies(run: RunRecord) -> str:
    rows = [
        (_plain(policy.name), f"`{policy.content_hash}`", count(len(policy.text)), count(len(policy.images)))
        for policy in run.policies
    ]
    table = _table(("policy", "content hash", "characters", "images"), rows)
    return f"## Policy\n\n{table}\n\nThe hash is SHA-256 over name, texts and images: another hash is another policy."


def _version(update: PolicyUpdate) -> str:
    """Where an updated model comes from, and what of it changed."""
    changes = ", ".join(f"{section.kind} {_plain(section.id)}" for section in update.sections) or "no section's text"
    text = (
        f"## Version\n\nVersion {update.number} of {_plain(update.policy)}, trained from the model of version "
        f"{update.parent}, which is the base of this card. What is different: {changes}."
    )
    if not update.groups:
        return text
    rows = [
        (group.name, count(group.n), *(on_one_line(measure) for measure in (group.before, group.after)), group.p)
        for group in update.groups
    ]
    table = _table(("requests", "n", "previous version", "this version", "do they differ?"), rows)
    asked = "Right without the policy in the prompt, by the answers of this version but for the old ones"
    return f"{text} {asked}:\n\n{table}"


def _data(run: RunRecord) -> str:
    data = run.manifest.get("data", {})
    return (
        f"## Data\n\nTask {_plain(str(run.manifest.get('task', 'unknown')))}: {count(data.get('train'))} training "
        f"and {count(data.get('test'))} test requests; seed {run.manifest.get('seed', 'unknown')}; fingerprint "
        f"`{data.get('fingerprint', 'unknown')}`."
    )


def _method(run: RunRecord, stages: Sequence[Stage]) -> str:
    planned = list(run.recipe.get("stages") or ())[: len(stages)]
    rows = []
    for made in stages:
        config = made.manifest.get("config", {})
        lora = config.get("lora")
        rows.append(
            (
                made.label,
                count(made.manifest.get("steps")),
                f"{config.get('learning_rate', '')}",
                "all weights" if not lora else f"LoRA, rank {lora.get('rank')}",
                count(made.manifest.get("tokens")),
                seconds(made.training_seconds),
            )
        )
    heads = ("stage", "steps", "learning rate", "trained", "tokens", "time")
    return f"## Training\n\nMethod: {_plain(method_of(planned))}.\n\n{_table(heads, rows)}"


def _evaluations(run: RunRecord, before: Evaluation | None, after: Evaluation | None) -> str:
    models = [(found, "base" if found is before else "this model") for found in (before, after) if found is not None]
    rows = [
        (
            f"{suite_label(suite)}: {suite_meaning(suite)}" if suite_meaning(suite) else suite_label(suite),
            label,
            count(result.n),
            str(result.seed),
            percent(result.accuracy),
            interval(result.interval),
            _outcomes(result),
        )
        for suite in run.suites
        for found, label in models
        if (result := found.suites.get(suite)) is not None
    ]
    if not rows:
        return "## Evaluation\n\nNothing was evaluated."
    heads = ("suite", "model", "n", "seed", "right", "95 % interval", "wrong / no answer / truncated")
    return (
        f"## Evaluation\n\n{_table(heads, rows)}\n\nGreedy answers; Wilson intervals. No answer and truncated are "
        "counted apart from wrong ones."
    )


def _outcomes(result: SuiteResult) -> str:
    return " / ".join(str(result.outcomes.get(outcome, 0)) for outcome in ("wrong", "no_answer", "truncated"))


def _leakage(after: Evaluation | None) -> str:
    result = None if after is None else after.suites.get("leakage")
    if result is None:
        said = (
            "Not measured. Training reads the policy's text, so treat the weights as confidential as the policy itself "
            "until `trimpi eval --suite leakage` says otherwise."
        )
    else:
        low, high = result.interval
        said = (
            f"Of {count(result.n)} prompts that ask for the policy's text, {percent(1 - result.accuracy)} (95 % "
            f"interval {interval((1 - high, 1 - low))}) brought out some of it. A low rate is no promise: there are "
            "other prompts."
        )
    return f"## Leakage\n\n{said}"


def _limits(run: RunRecord, after: Evaluation | None) -> str:
    measured = {} if after is None else after.suites
    lines = [
        "The figures hold for requests like the run's test requests, and for the policy with this hash alone: when the "
        "policy changes, the model follows the old one until it is retrained or shown the new one.",
        *(
            f"Not measured: {meaning} (`{suite}`)."
            for suite, meaning in SAFETY_SUITES.items()
            if suite not in measured and suite != "leakage"
        ),
    ]
    rate = None if after is None or after.accuracy is None else after.accuracy
    if rate is not None:
        share = percent(1 - rate.accuracy)
        lines.insert(0, f"Of {count(rate.n)} requests without the policy, {share} were not answered rightly.")
    if not run.finished:
        lines.append("The run it comes from is not finished.")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _asking(name: str, about: Mapping[str, Any]) -> str:
    instruction = str(about["instruction"]).replace("```", "'''")
    return (
        "## Asking it\n\nIt was trained and evaluated with this system turn, and a user turn whose images come before "
        f"its text. Send both to any server but `trimpi serve`, which adds the system turn itself.\n\n```text\n"
        f"{instruction}\n```"
    )


def _provenance(run: RunRecord | None, about: Mapping[str, Any]) -> str:
    parity, sessions = about["parity"], [] if run is None else run.manifest.get("sessions", [])
    trained = sessions[-1]["environment"] if sessions else {}
    packages = ", ".join(f"{package} {version}" for package, version in trained.get("packages", {}).items())
    lines = [
        f"Exported by trimpi {about['trimpi']}: log-probabilities of {parity['tokens']:,} tokens of "
        f"{parity['prompts']} prompts differ from the trained model's by at most {parity['difference']:.2g} (allowed: "
        f"{parity['bound']:.2g}).",
    ]
    if trained:
        lines.append(f"Trained by trimpi {trained.get('trimpi')} with {packages}.")
    return "## Provenance\n\n" + "\n".join(f"- {line}" for line in lines)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join([markdown_row(heads), "|" + "---|" * len(heads), *map(markdown_row, rows)])


def _plain(text: str) -> str:
    """A name on one line that no Markdown or HTML is made of."""
    return MARKUP.sub(r"\\\1", " ".join(text.split()))
