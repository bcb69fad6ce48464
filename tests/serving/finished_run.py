"""A run directory with two LoRA stages and their evaluations, made by hand around tiny models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import PreTrainedModel, ProcessorMixin

from reporting.fake_run import build_fake_run
from tiny_task import save_tiny_model
from trimpi.models import load_model, load_processor, save_model
from trimpi.recipe import recipe_yaml
from trimpi.recipe.loading import parse_recipe

INSTRUCTION = "Answer as the policy says."
RANK = 2
TASK = {"layers": 1, "policies": 2, "train_examples_per_policy": 4, "test_examples_per_policy": 4}
STAGES = ("01-vm_cpt", "02-cot_sft")
SUPERVISED = {"learning_rate": 1e-4, "batch_size": 2, "epochs": 1, "lora": {"rank": RANK}}


def build_finished_run(folder: Path) -> Path:
    """The base is a model folder beside the run."""
    run = build_fake_run(folder / "desk", stages=(), evaluated=("base", "vm_cpt", "cot_sft"), n=8)
    base = save_tiny_model(folder / "base")
    (run / "recipe.yaml").write_text(recipe_yaml(parse_recipe(_recipe(base), source="desk")))
    model, processor = load_model(base), load_processor(base)
    for number, name in enumerate(STAGES, start=1):
        _write_stage(run / "stages" / name, model, processor, seed=number)
        model = load_model(run / "stages" / name)
    return run


def _recipe(base: Path) -> dict[str, Any]:
    return {
        "name": "desk",
        "instruction": INSTRUCTION,
        "model": {"path": str(base)},
        "task": {**TASK, "type": "clevr"},
        "stages": [{"type": name.partition("-")[2], **SUPERVISED} for name in STAGES],
    }


def _write_stage(folder: Path, model: PreTrainedModel, processor: ProcessorMixin, *, seed: int) -> None:
    """As a LoRA stage ends: merged weights and a manifest."""
    torch.manual_seed(seed)
    adapted = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=RANK, target_modules=["q_proj", "down_proj"]))
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    save_model(adapted, processor, folder)
    manifest = {
        "status": "complete",
        "type": folder.name.partition("-")[2],
        "steps": 5,
        "seconds": 61.0,
        "tokens": 12_000,
    }
    (folder / "manifest.json").write_text(json.dumps({**manifest, "config": SUPERVISED}))


def train_everything(run: Path) -> None:
    """As if the last stage had trained all weights."""
    manifest = run / "stages" / STAGES[-1] / "manifest.json"
    data = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**data, "config": {**SUPERVISED, "lora": None}}))


def model_with_other_head(folder: Path) -> PreTrainedModel:
    """One whose output layer differs from the folder's by a little everywhere."""
    model = load_model(folder)
    with torch.no_grad():
        model.get_output_embeddings().weight.add_(0.05 * torch.randn_like(model.get_output_embeddings().weight))
    return model
