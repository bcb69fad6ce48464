"""The soft-prompt stage: what it trains, what it leaves alone, and that its folder is a model like any other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import tiny_models
from stages.stage_runs import SUPERVISED, Killed, assert_same_weights, kill_at, lines, run, stage_context, weights
from tiny_task import ColorTask, LetterTask
from trimpi.errors import RecipeError
from trimpi.evaluation.divergence import kl_to_base
from trimpi.models import load_model, load_processor, save_model
from trimpi.recipe import CotSftConfig, SoftPromptConfig, parse_recipe
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.local_engines import local_sampler
from trimpi.stages import run_stage

SOFT_PROMPT = SoftPromptConfig(**SUPERVISED, tokens=5, checkpoint_every_steps=2)


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
@pytest.mark.parametrize("tied", [False, True])
def test_only_the_rows_of_the_soft_prompt_change(tmp_path: Path, family: str, tied: bool) -> None:
    model, processor = tiny_models.tiny_model(family)
    if tied:
        model.config.tie_word_embeddings = model.config.get_text_config().tie_word_embeddings = True
        model.get_output_embeddings().weight = model.get_input_embeddings().weight
    save_model(model, processor, tmp_path / "base")
    run(SOFT_PROMPT, tmp_path, "soft")
    trained, rows = load_model(tmp_path / "soft"), len(processor.tokenizer)
    before, after = model.state_dict(), trained.state_dict()
    assert before.keys() == after.keys()
    table = next(name for name, weight in trained.named_parameters() if weight is trained.get_input_embeddings().weight)
    grown = {table, "lm_head.weight"}
    assert all(torch.equal(before[name], after[name]) for name in before if name not in grown)
    assert all(torch.equal(before[name], after[name][:rows]) for name in grown)
    assert (trained.get_output_embeddings().weight is trained.get_input_embeddings().weight) == tied
    # They began as tokens of the policies' texts, evenly spread, and each has moved.
    text = "# Ako\nName the color.\n# Bim\nName the color."
    ids = processor.tokenizer(text)["input_ids"]
    start = before[table][[ids[number * len(ids) // 5] for number in range(5)]]
    moved = (after[table][rows:] - start).abs().sum(dim=1)
    assert len(moved) == 5 and (moved > 1e-4).all() and (moved < 5).all()


def test_a_soft_prompt_stands_in_front_of_every_prompt_and_nowhere_in_what_is_written(tmp_path: Path) -> None:
    run(SOFT_PROMPT, tmp_path, "soft")
    task = LetterTask(tmp_path / "images")
    base, soft = (Renderer(load_processor(tmp_path / name)) for name in ("base", "soft"))
    example = task.examples("test")[0]
    for policy in (None, task.policy_of(example)):
        prompt = soft.prompt(example, policy)
        added = soft.prompt_ids(prompt)[:5]
        assert added == list(range(len(base.tokenizer), len(base.tokenizer) + 5))
        assert soft.prompt_ids(prompt)[5:] == base.prompt_ids(base.prompt(example, policy))
        assert soft.parse(soft.text(prompt), prompt.images) == prompt.messages
    assert soft.control_token_in("say <|soft_prompt_3|>") == "<|soft_prompt_3|>"


def test_training_it_lowers_the_loss_and_both_engines_sample_from_it_alike(tmp_path: Path) -> None:
    config = SOFT_PROMPT.model_copy(update={"epochs": 20.0, "learning_rate": 0.05})
    run(config, tmp_path, "soft")
    losses = [line["loss"] for line in lines(tmp_path / "soft" / "metrics.jsonl")]
    assert sum(losses[-3:]) < sum(losses[:3]) - 0.05  # three steps are one pass over the same examples
    model, renderer = load_model(tmp_path / "soft"), Renderer(load_processor(tmp_path / "soft"))
    prompts = [renderer.prompt(example) for example in ColorTask(tmp_path / "images").examples("test")]
    sampled = [
        local_sampler(model, renderer, batch_size=2, engine=engine).sample(
            prompts, samples=1, temperature=0.0, top_p=1.0, max_new_tokens=6, seed=0
        )
        for engine in ("prefix", "plain")
    ]
    assert [[c.token_ids for c in row] for row in sampled[0]] == [[c.token_ids for c in row] for row in sampled[1]]


def test_interrupted_training_ends_in_the_same_weights(tmp_path: Path) -> None:
    run(SOFT_PROMPT, tmp_path, "whole")
    with pytest.raises(Killed):
        run_stage(SOFT_PROMPT, stage_context(tmp_path, "cut", progress=kill_at(3)))
    assert run(SOFT_PROMPT, tmp_path, "cut").resumed_from == 2
    assert_same_weights(tmp_path / "whole", tmp_path / "cut")


def test_another_stage_goes_on_from_it(tmp_path: Path) -> None:
    run(SOFT_PROMPT, tmp_path, "soft")
    (tmp_path / "soft").rename(tmp_path / "next_base")
    folder = tmp_path / "after"
    folder.mkdir()
    (tmp_path / "next_base").rename(folder / "base")
    run(SOFT_PROMPT, folder, "again")
    run(CotSftConfig(**{**SUPERVISED, "epochs": 1 / 3}), folder, "sft")
    assert len(load_processor(folder / "again").tokenizer) == len(load_processor(folder / "base").tokenizer) + 5
    assert weights(folder / "sft").keys() == weights(folder / "base").keys()


def test_its_distance_from_the_base_leaves_the_soft_prompt_out_of_what_the_base_reads(tmp_path: Path) -> None:
    """A soft prompt whose embeddings are not looked at, and a base that reads none: the same distributions."""
    run(SOFT_PROMPT, tmp_path, "soft")
    base, soft = load_model(tmp_path / "base"), load_model(tmp_path / "soft")
    plain, renderer = (Renderer(load_processor(tmp_path / name)) for name in ("base", "soft"))
    prompts = [renderer.prompt(example) for example in LetterTask(tmp_path / "images").examples("test")]
    settings = {"max_new_tokens": 4, "batch_size": 2}
    apart = kl_to_base(soft, base, renderer, prompts, base_renderer=plain, **settings)
    assert all(divergence.kl > 1e-6 for divergence in apart)
    alike = kl_to_base(soft, base, plain, prompts, base_renderer=plain, **settings)
    assert all(divergence.kl < 1e-6 for divergence in alike), "without it the weights are the base's"


@pytest.mark.parametrize(("key", "value"), [("lora", {"rank": 2}), ("weight_decay", 0.1)])
def test_what_would_train_more_than_the_soft_prompt_is_refused(key: str, value: object) -> None:
    stage = {"type": "soft_prompt", key: value}
    data = {"name": "x", "task": {"type": "clevr"}, "stages": [stage]}
    with pytest.raises(RecipeError, match=f"{key} must be"):
        parse_recipe(data, source="x.yaml")
