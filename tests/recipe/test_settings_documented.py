"""Every key of a recipe is in a table of docs/recipes.md, docs/rl.md or docs/evaluation.md, with its default."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from trimpi.recipe import (
    AdvantageConfig,
    BreakEvenConfig,
    ClevrTaskConfig,
    CotSftConfig,
    CustomTaskConfig,
    DapoConfig,
    DirectSftConfig,
    DynamicSamplingConfig,
    EfficiencyConfig,
    EndpointConfig,
    EvaluationConfig,
    ForwardCotConfig,
    GapDrivenShare,
    GeneralDataConfig,
    GrpoConfig,
    GtaDirectory,
    GtaTaskConfig,
    HarnessConfig,
    LocalSamplerConfig,
    LoraConfig,
    ModelConfig,
    ModelGeneratorConfig,
    OverlongConfig,
    Recipe,
    ReferralJudgeConfig,
    RenderedScenes,
    ReverseCotConfig,
    ReverseKlTeacher,
    RewardWeights,
    ReweightingTeacher,
    RlConfig,
    SceneDirectory,
    ScheduledShare,
    SoftPromptConfig,
    SuiteName,
    Sweep,
    SynthConfig,
    VllmSamplerConfig,
    VmCptConfig,
)
from trimpi.recipe.rewards import RewardConfig
from trimpi.recipe.task import GeneratedItems
from trimpi.recipe.yaml_text import parse_yaml

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("recipes.md", "rl.md", "evaluation.md")
SUPERVISED = ("Every stage", "Supervised stages")
REASONED = (*SUPERVISED, "Chains of thought")
REWARDS = get_args(get_args(RewardConfig)[0])
SECTIONS: Mapping[type[BaseModel], tuple[str, ...]] = {
    Recipe: ("Top level",),
    ModelConfig: ("model",),
    ClevrTaskConfig: ("type: clevr",),
    RenderedScenes: ("task.scenes, type: rendered",),
    SceneDirectory: ("task.scenes, type: directory",),
    GtaTaskConfig: ("type: gta",),
    GeneratedItems: (),
    GtaDirectory: ("task.data, type: directory",),
    CustomTaskConfig: ("type: custom",),
    LoraConfig: ("lora",),
    GeneralDataConfig: ("general",),
    VmCptConfig: REASONED,
    DirectSftConfig: (*SUPERVISED, "prompt"),
    CotSftConfig: (*REASONED, "prompt"),
    SoftPromptConfig: (*REASONED, "type: soft_prompt"),
    ForwardCotConfig: ("forward_cot and reverse_cot",),
    ReverseCotConfig: ("forward_cot and reverse_cot",),
    ModelGeneratorConfig: ("generator, type: model",),
    EndpointConfig: ("Endpoints",),
    SynthConfig: ("synth",),
    Sweep: ("Sweeps",),
    RlConfig: ("Every stage", "type: rl"),
    ScheduledShare: ("policy_aware_share, type: scheduled",),
    GapDrivenShare: ("policy_aware_share, type: gap_driven",),
    AdvantageConfig: ("advantage",),
    GrpoConfig: ("algorithm",),
    DapoConfig: ("algorithm",),
    DynamicSamplingConfig: ("dynamic_sampling",),
    OverlongConfig: ("overlong",),
    ReverseKlTeacher: ("teacher, type: reverse_kl",),
    ReweightingTeacher: ("teacher, type: reweighting",),
    RewardWeights: ("rewards",),
    LocalSamplerConfig: ("sampler",),
    VllmSamplerConfig: ("sampler",),
    EvaluationConfig: ("evaluation",),
    HarnessConfig: ("harness",),
    ReferralJudgeConfig: ("Endpoints", "referral_judge"),
    EfficiencyConfig: ("efficiency",),
    BreakEvenConfig: ("break_even",),
} | dict.fromkeys(REWARDS, ("task.reward",))
"""Where the keys of a part are."""
OWN_NAMES = {ForwardCotConfig: "forward_cot", ReverseCotConfig: "reverse_cot"}
"""By which a default of its own goes where parts share a table; that of others is their type."""
REQUIRED = "required"
ROW = re.compile(r"\| `(?P<key>\w+)` \| (?P<default>required|[^|]*`[^|]*) \| .* \| .*\|")
"""Of a table of keys; tables of other things have no default."""


def tables() -> dict[str, dict[str, str]]:
    """The defaults' cells, by heading and key."""
    found: dict[str, dict[str, str]] = {}
    for page in PAGES:
        heading = ""
        for line in (DOCS / page).read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                heading = line.lstrip("# ").replace("`", "")
            elif row := ROW.fullmatch(line):
                assert row["key"] not in found.setdefault(heading, {}), f"{page}: {heading}: {row['key']} twice"
                found[heading][row["key"]] = row["default"]
    return found


TABLES = tables()


def reachable(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The model and all that its fields may hold."""
    yield model
    for field in model.model_fields.values():
        for part in parts(field.annotation):
            yield from reachable(part)


def parts(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from parts(argument)


MODELS = list(dict.fromkeys([*reachable(Recipe), *reachable(Sweep)]))


def keys(model: type[BaseModel]) -> list[str]:
    return [key for key in model.model_fields if key != "type"]


def default(model: type[BaseModel], key: str) -> Any:
    """As in a recipe: of a part with all defaults, its type if it has one, or nothing."""
    field = model.model_fields[key]
    if field.is_required():
        return REQUIRED
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel):
        return {"type": value.type} if "type" in type(value).model_fields else {}  # type: ignore[attr-defined]
    return value


def documented(model: type[BaseModel], key: str) -> Any:
    """What the tables say is the key's default; KeyError where they do not have it."""
    (cell,) = (TABLES[section][key] for section in SECTIONS[model] if key in TABLES.get(section, {}))
    if cell == REQUIRED:
        return REQUIRED
    by_name = dict(re.findall(r"(\w+) `([^`]+)`", cell))
    name = OWN_NAMES.get(model) or (model.model_fields["type"].default if "type" in model.model_fields else "")
    return parse_yaml(by_name[name] if by_name else cell.strip("`"), source=f"{SECTIONS[model]}: {key}")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_is_documented_with_its_default(model: type[BaseModel]) -> None:
    assert model in SECTIONS, f"{model.__name__} is in no table: document its keys and name the section here"
    missing = [key for key in keys(model) if not any(key in TABLES.get(section, {}) for section in SECTIONS[model])]
    assert not missing, f"docs/ has no {missing} under {SECTIONS[model]}"
    assert {key: documented(model, key) for key in keys(model)} == {key: default(model, key) for key in keys(model)}


def test_nothing_is_documented_that_is_no_key() -> None:
    known = {(section, key) for model, sections in SECTIONS.items() for section in sections for key in keys(model)}
    stale = [(section, key) for section, rows in TABLES.items() for key in rows if (section, key) not in known]
    assert not stale


def test_the_suites_are_all_described() -> None:
    text = (DOCS / "evaluation.md").read_text(encoding="utf-8")
    section = text.partition("\n## Suites\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == set(get_args(SuiteName))
