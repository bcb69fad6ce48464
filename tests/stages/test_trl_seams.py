"""The contracts of the seams in trl_seams.py: what TRL and transformers must keep doing for them to be right."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import trl
from safetensors.torch import load_file
from trl import GRPOTrainer, SFTTrainer

from stages.stage_runs import VM_CPT, Killed, kill_at, rl_config, run, stage_context
from trimpi.models import load_model
from trimpi.prefix.attention import NAME
from trimpi.recipe import GrpoConfig
from trimpi.stages import run_stage
from trimpi.stages.rl.stage import build_trainer
from trimpi.stages.trl_seams import FORWARD_INPUTS, Batch, RolloutTrainer, SupervisedTrainer, sampling_model


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


@dataclass
class Generated:
    """A trainer with a scored batch of two groups of four, whose completions are 6, 5, 4, 3, 2, 1, 6 and 5 tokens."""

    trainer: RolloutTrainer
    batch: Batch


def generated(folder: Path, **algorithm: Any) -> Generated:
    context = stage_context(folder, "rl")
    context.output_dir.mkdir()
    trainer, _, _ = build_trainer(rl_config(algorithm=GrpoConfig(**algorithm), steps=1), context)
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    batch = trainer._generate_and_score_completions([trainer.train_dataset[row] for row in (0, 0, 0, 0, 1, 1, 1, 1)])
    for row in range(8):
        batch["completion_mask"][row, 6 - row % 6 :] = 0
    batch["num_items_in_batch"] = batch["completion_mask"].sum()
    return Generated(trainer, batch)


def gradients(trainer: RolloutTrainer, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    loss.backward()
    found = {name: weight.grad.clone() for name, weight in trainer.model.named_parameters() if weight.grad is not None}
    trainer.model.zero_grad()
    return found


@pytest.mark.parametrize("loss_type", ["dapo", "grpo", "bnpo"])
def test_the_micro_batches_add_up_to_the_loss_of_the_stock_trainer(loss_type: str, tmp_path: Path) -> None:
    made = generated(tmp_path, loss_type=loss_type, beta=0.05)
    trainer, batch = made.trainer, made.batch
    batch["ref_per_token_logps"] -= 0.5  # so that there is a penalty
    undivided = GRPOTrainer.compute_loss(trainer, trainer.model, batch)
    expected, metrics = gradients(trainer, undivided), dict(trainer._metrics["train"])
    trainer._metrics["train"].clear()

    assert [part.rows for part in trainer.micro_batches(batch)] == [slice(0, 4), slice(4, 8)]
    divided = trainer.compute_loss(trainer.model, batch)
    found = gradients(trainer, divided)

    assert divided.item() == pytest.approx(undivided.item(), rel=1e-5)
    largest = max(float(gradient.abs().max()) for gradient in expected.values())
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-5 * largest, rtol=1e-4)
    for name in ("kl", "entropy", "clip_ratio/region_mean"):
        assert trainer._metrics["train"][name] == pytest.approx(metrics[name], rel=1e-5)


def test_the_stock_trainer_shuffles_groups_apart_and_ours_does_not(tmp_path: Path) -> None:
    """When the first half fails, TRL keeps groups together, and the seam can go."""
    made = generated(tmp_path)
    trainer, batch = made.trainer, made.batch
    trainer._generate_and_score_completions = lambda rows: batch  # type: ignore[method-assign]
    torch.manual_seed(0)
    assert not torch.equal(GRPOTrainer._prepare_inputs(trainer, [])["advantages"], batch["advantages"])
    trainer._buffered_inputs = None
    assert trainer._prepare_inputs([]) is batch


def test_the_stock_trainer_asks_for_parts_without_gradients_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the batch size, the loss is told from old and reference log-probabilities."""
    asked: list[tuple[bool, int | None]] = []

    original = RolloutTrainer._get_per_token_logps_and_entropies

    def recording(*given: Any, **named: Any) -> Any:
        batch_size = inspect.signature(original).bind(*given, **named).arguments.get("batch_size")
        asked.append((torch.is_grad_enabled(), batch_size))
        return original(*given, **named)

    monkeypatch.setattr(RolloutTrainer, "_get_per_token_logps_and_entropies", recording)
    run(rl_config(steps=1, algorithm=GrpoConfig(beta=0.05, num_iterations=2)), tmp_path, "rl")
    assert set(asked) == {(False, 8), (True, None)}


def test_log_probabilities_are_the_same_in_parts(tmp_path: Path) -> None:
    """Each part without the columns that only other rows use."""
    made = generated(tmp_path)
    trainer, batch = made.trainer, made.batch
    in_parts = trainer.completion_logprobs(batch)
    trainer._micro_batch_tokens = 100_000
    assert len(trainer.micro_batches(batch)) == 1
    kept = batch["completion_mask"].bool()
    torch.testing.assert_close(in_parts[kept], trainer.completion_logprobs(batch)[kept], atol=1e-5, rtol=1e-5)
    assert in_parts.shape == kept.shape


def test_the_fused_head_is_a_forward_of_the_model_itself(tmp_path: Path) -> None:
    """The prefix engine stands around it, for the model and for the one it is held to."""
    trainer = generated(tmp_path, beta=0.05).trainer
    for model in (trainer.model, trainer.ref_model):
        assert "forward" in vars(model)
        assert model.config.get_text_config()._attn_implementation == NAME
