"""What the paper calls a sequence of stages (Baselines and ablations)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trimpi.recipe import CURRENT
from trimpi.reporting.paper_figures import COT_SFT, DIRECT_SFT, VM_CPT
from trimpi.reporting.wording import stage_label

SUPERVISED: Mapping[tuple[str, ...], str] = {
    ("direct_sft",): DIRECT_SFT,
    ("cot_sft",): COT_SFT,
    ("vm_cpt", "cot_sft"): VM_CPT,
}


def method_of(stages: Sequence[Mapping[str, Any]]) -> str:
    """The paper's name of what these stages of a recipe do; a name in its manner for what it does not have."""
    types = tuple(str(stage.get("type")) for stage in stages)
    if types in SUPERVISED:
        return SUPERVISED[types]
    if types and types[-1] == "rl" and types[:-1] in (("cot_sft",), ("vm_cpt", "cot_sft")):
        return _with_rl(stages[-1], whole=len(types) == 3)
    return " + ".join(map(stage_label, types)) or "Base"


def _with_rl(stage: Mapping[str, Any], *, whole: bool) -> str:
    """`whole` is with VM-CPT before it; a share of 0 of policy-aware rollouts is RL without PolicyRollout."""
    name = str(_of(stage, "algorithm").get("type", "grpo")).upper()
    share = stage.get("policy_aware_share", 0.5)
    rollout = share != 0
    differences = ", ".join(_differences(stage))
    if not whole:
        return f"{COT_SFT} + {'PoRo-' if rollout else ''}{name}" + (f" ({differences})" if differences else "")
    plain = f"TriMPI, PoRo-{name}" if rollout else f"TriMPI, {name}, no PoRo"
    return f"{plain} ({differences})" if differences else plain


def _differences(stage: Mapping[str, Any]) -> Iterator[str]:
    """In what RL is not the paper's."""
    if _of(stage, "policy_aware_share"):
        yield f"{_of(stage, 'policy_aware_share')['type']} share".replace("_", "-")
    if stage.get("policy_aware_model", CURRENT) != CURRENT:
        yield f"policy-aware by {stage['policy_aware_model']}"
    advantage = _of(stage, "advantage")
    if advantage.get("baseline", "pooled") != "pooled":
        yield f"baseline {advantage['baseline']}".replace("_", "-")
    if advantage.get("policy_aware", "signed") != "signed":
        yield "policy-aware half positive only"
    if advantage.get("scale", "std") != "std":
        yield "without deviation"
    if _of(stage, "teacher"):
        yield f"teacher {_of(stage, 'teacher')['type']}".replace("_", "-")


def _of(stage: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = stage.get(key)
    return value if isinstance(value, Mapping) else {}
