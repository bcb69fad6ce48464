"""What the supervised trainer's loss is over, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stages.stage_runs import lines, run, stage_context
from trimpi.cot.gold import gold_cots
from trimpi.errors import DataError
from trimpi.models import load_model, load_processor
from trimpi.recipe import CotSftConfig, VmCptConfig
from trimpi.rendering.renderer import Renderer
from trimpi.stages.supervised.collator import RowCollator
from trimpi.stages.supervised.rows import LOSS_ON, SupervisedStage, training_rows

ONE_STEP = {"learning_rate": 1e-2, "batch_size": 3, "gradient_accumulation": 2, "epochs": 1.0, "lora": None}


def mean_loss(config: SupervisedStage, folder: Path) -> float:
    """The mean of -log p over every counted token of all six rows, one row at a time, from the model's plain logits."""
    context = stage_context(folder, "by hand")
    renderer = Renderer(load_processor(context.model_path))
    model = load_model(context.model_path, device="cpu")
    examples = context.task.examples("train")
    losses = []
    for row in training_rows(config, context.task, examples, renderer, gold_cots(examples)):
        batch = renderer.encode_training([row], loss_on=LOSS_ON[config.type])
        labels = batch.pop("labels")[0, 1:]
        with torch.no_grad():
            log_probs = model(**batch).logits[0, :-1].log_softmax(-1)
        kept = labels != -100
        assert renderer.visual_token_ids.isdisjoint(labels[kept].tolist())
        losses.append(-log_probs[kept].gather(-1, labels[kept][:, None])[:, 0])
    return torch.cat(losses).mean().item()


@pytest.mark.parametrize("config", [VmCptConfig(**ONE_STEP), CotSftConfig(**ONE_STEP)], ids=["vm_cpt", "cot_sft"])
def test_the_loss_is_the_mean_over_counted_tokens_whatever_the_batches(config: SupervisedStage, tmp_path: Path) -> None:
    run(config, tmp_path, "stage")
    (step,) = lines(tmp_path / "stage" / "metrics.jsonl")
    assert step["loss"] == pytest.approx(mean_loss(config, tmp_path), abs=1e-4)


def test_a_sequence_longer_than_the_model_sees_is_refused_not_cut(tmp_path: Path) -> None:
    context = stage_context(tmp_path, "stage")
    renderer = Renderer(load_processor(context.model_path))
    examples = context.task.examples("train")
    rows = training_rows(VmCptConfig(), context.task, examples, renderer, gold_cots(examples))
    with pytest.raises(DataError, match=r"a training sequence has .* tokens but the model sees 20"):
        RowCollator(rows, renderer, loss_on="text", max_length=20)([{"row": 0}])
