"""The contracts of the seams in trl_seams.py: what TRL and transformers must keep doing for them to be right."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch
import trl
from safetensors.torch import load_file
from trl import GRPOTrainer, SFTTrainer

from stages.stage_runs import VM_CPT, Killed, kill_at, rl_config, run, stage_context
from trimpi.models import load_model
from trimpi.stages import run_stage
from trimpi.stages.rl.stage import build_trainer
from trimpi.stages.trl_seams import FORWARD_INPUTS, RolloutTrainer, SupervisedTrainer, sampling_model


def test_trl_is_the_pinned_version() -> None:
    assert trl.__version__ == "1.16.0"


@pytest.mark.parametrize("trainer", [SFTTrainer, GRPOTrainer])
@pytest.mark.parametrize("method", ["_send_telemetry", "create_model_card", "_load_from_checkpoint"])
def test_what_both_trainers_override_is_there_to_override(trainer: type, method: str) -> None:
    assert callable(getattr(trainer, method))
    ours = SupervisedTrainer if trainer is SFTTrainer else RolloutTrainer
    assert getattr(ours, method) is not getattr(trainer, method)


def test_all_forward_inputs_of_trl_are_handed_on() -> None:
    parameters = set(inspect.signature(GRPOTrainer._get_per_token_logps_and_entropies).parameters)
    own = {
        "self",
        "model",
        "input_ids",
        "attention_mask",
        "logits_to_keep",
        "batch_size",
        "compute_entropy",
        "compute_aux_loss",
    }
    assert parameters - own == set(FORWARD_INPUTS)


def test_nothing_is_sent_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("trl.trainer.base_trainer.send_telemetry", lambda *_, **__: pytest.fail("telemetry was sent"))
    run(rl_config(steps=1), tmp_path, "rl")
    run(VM_CPT, tmp_path, "vm_cpt")


def test_checkpoints_hold_no_model_card(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run_stage(VM_CPT, stage_context(tmp_path, "stage", progress=kill_at(3)))
    checkpoints = tmp_path / "stage" / "checkpoints"
    assert [path.name for path in checkpoints.iterdir()] == ["checkpoint-2"]
    assert (checkpoints / "checkpoint-2" / "complete").exists()
    assert not list(checkpoints.rglob("README.md"))


def test_the_stock_resume_loses_the_weights_and_ours_does_not(tmp_path: Path) -> None:
    """When the first half fails, transformers has mended it, and the seam can go."""
    with pytest.raises(Killed):
        run_stage(VM_CPT, stage_context(tmp_path, "stage", progress=kill_at(3)))
    context = stage_context(tmp_path, "rl")
    context.output_dir.mkdir()
    trainer, _, _ = build_trainer(rl_config(), context)
    checkpoint = str(tmp_path / "stage" / "checkpoints" / "checkpoint-2")
    initial = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
    trained = load_model(checkpoint, device="cpu").state_dict()

    GRPOTrainer._load_from_checkpoint(trainer, checkpoint)
    kept = [name for name, tensor in trainer.model.state_dict().items() if torch.equal(tensor, initial[name])]
    assert len(kept) > len(initial) / 2, "the stock resume kept the initial weights"

    trainer._load_from_checkpoint(checkpoint)
    assert all(torch.equal(tensor, trained[name]) for name, tensor in trainer.model.state_dict().items())
    assert load_file(Path(checkpoint) / "model.safetensors").keys() != trained.keys(), (
        "names on disk are not those in memory"
    )


def test_sampling_sees_the_weights_that_are_trained(tmp_path: Path) -> None:
    context = stage_context(tmp_path, "rl")
    context.output_dir.mkdir()
    trainer, _, _ = build_trainer(rl_config(), context)
    with sampling_model(trainer) as model:
        assert model is trainer.model
