from __future__ import annotations

from pathlib import Path

import pytest

import tiny_models
from stages.stage_runs import SUPERVISED, lines, rl_config, run
from tiny_task import save_tiny_model
from trimpi.recipe import VmCptConfig


@pytest.mark.parametrize("family", [family for family in tiny_models.FAMILIES if family != "qwen2_5_vl"])
def test_stages_train_other_families(family: str, tmp_path: Path) -> None:
    """The canary compares sampling and training on the way."""
    save_tiny_model(tmp_path / "base", family=family)
    run(VmCptConfig(**{**SUPERVISED, "epochs": 1 / 3}), tmp_path, "vm_cpt")
    run(rl_config(steps=1), tmp_path, "rl")
    assert len(lines(tmp_path / "rl" / "rollouts.jsonl")) == 8
