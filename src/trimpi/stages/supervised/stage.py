"""The supervised stages: build rows, train on them in a fixed order, leave a model folder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel, ProcessorMixin
from trl import SFTConfig

from trimpi.models import load_model, load_processor
from trimpi.recipe import SoftPromptConfig
from trimpi.rendering.renderer import Renderer, TrainingExample
from trimpi.sampling.batches import prompt_length
from trimpi.stages.adapters import peft_config
from trimpi.stages.arguments import common_arguments, weights_dtype
from trimpi.stages.callbacks import StageCallback
from trimpi.stages.context import StageContext, StageResult
from trimpi.stages.ordering import batched_order
from trimpi.stages.supervised.collator import RowCollator
from trimpi.stages.supervised.cots import stage_cots
from trimpi.stages.supervised.general import general_rows
from trimpi.stages.supervised.rows import LOSS_ON, SupervisedStage, training_rows
from trimpi.stages.supervised.soft_prompt import add_soft_prompt, train_rows_only
from trimpi.stages.training import METRICS_FILE, finish_training
from trimpi.stages.trl_seams import SupervisedTrainer
from trimpi.stages.work import count_weights, supervised_cost
from trimpi.tasks.selection import first_per_policy


def run_supervised(config: SupervisedStage, context: StageContext) -> StageResult:
    """Run vm_cpt, direct_sft, cot_sft or soft_prompt."""
    arguments = SFTConfig(
        **common_arguments(config, context, batch_size=config.batch_size),
        gradient_accumulation_steps=config.gradient_accumulation,
        num_train_epochs=1,  # every pass over the data is in the order already
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
    )
    processor = load_processor(context.model_path)
    model = load_model(context.model_path, dtype=weights_dtype(config, context.model), attn=context.model.attention)
    soft = _add_soft_prompt(config, context, model, processor)
    renderer = Renderer(processor, instruction=context.instruction)
    rows = _rows(config, context, model, renderer)
    collator = RowCollator(rows, renderer, loss_on=LOSS_ON[config.type], max_length=_context_length(model))
    callback = StageCallback(context.output_dir / METRICS_FILE, progress=context.progress)
    trainer = SupervisedTrainer(
        model=model,
        args=arguments,
        data_collator=collator,
        train_dataset=Dataset.from_dict({"row": _order(config, rows, seed=context.seed)}),
        processing_class=processor,
        callbacks=[callback],
        peft_config=peft_config(config.lora, model),
        engine=context.engine,
    )
    weights = replace(count_weights(trainer.network), **({"adapters": soft} if soft else {}))
    result = finish_training(trainer, callback, context, processor)
    cost = supervised_cost(
        config, weights, tokens=result.tokens, rows=rows, renderer=renderer, model_config=model.config
    )
    return replace(result, cost=cost)


def _add_soft_prompt(
    config: SupervisedStage, context: StageContext, model: PreTrainedModel, processor: ProcessorMixin
) -> int:
    """How many weights of a soft prompt are to be trained, and nothing else; 0 for every other stage."""
    if not isinstance(config, SoftPromptConfig):
        return 0
    train_rows_only(model, add_soft_prompt(model, processor, config.tokens, list(context.task.policies.values())))
    table: Any = model.get_input_embeddings().weight
    return config.tokens * int(table.shape[1])


def _rows(
    config: SupervisedStage, context: StageContext, model: PreTrainedModel, renderer: Renderer
) -> list[TrainingExample]:
    examples = first_per_policy(context.task.examples("train"), config.examples_per_policy)
    cots = stage_cots(config, context, examples, model, renderer)
    rows = training_rows(config, context.task, examples, renderer, cots)
    return [*rows, *general_rows(config.general, count_beside=len(rows), seed=context.seed)]


def _order(config: SupervisedStage, rows: list[TrainingExample], *, seed: int) -> list[int]:
    lengths = [prompt_length(row.prompt) + len(row.response) for row in rows]
    return batched_order(lengths, max(1, round(len(rows) * config.epochs)), batch_size=config.batch_size, seed=seed)


def _context_length(model: PreTrainedModel) -> int | None:
    return getattr(model.config.get_text_config(), "max_position_embeddings", None)
