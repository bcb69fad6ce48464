"""The rl stage: plan the groups, train with TRL's GRPOTrainer on PolicyRollout's completions, leave a model folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from transformers import PreTrainedModel
from trl import GRPOConfig as TrlGrpoConfig

from trimpi.errors import RecipeError
from trimpi.models import load_model, load_processor
from trimpi.prefix.attention import enable_shared_attention
from trimpi.prefix.support import can_share, training_obstacle
from trimpi.recipe import BEST, CURRENT, RlConfig
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.local_engines import local_sampler
from trimpi.sampling.sampler import RowSampler
from trimpi.stages.adapters import peft_config
from trimpi.stages.arguments import common_arguments, launched_processes, weights_dtype
from trimpi.stages.callbacks import StageCallback
from trimpi.stages.context import StageContext, StageResult
from trimpi.stages.rl.canary import check_first_batch
from trimpi.stages.rl.dataset import rollout_dataset
from trimpi.stages.rl.gate import GATE_FILE, Gate, kept_gate, measure_gate
from trimpi.stages.rl.roles import GroupPlan, group_plan
from trimpi.stages.rl.rollouts import PolicyRollouts, logged_reward
from trimpi.stages.rl.samplers import (
    check_sampler,
    row_sampler,
    sampler_arguments,
    sampling_settings,
)
from trimpi.stages.rl.teacher import PolicyTeacher
from trimpi.stages.training import METRICS_FILE, ROLLOUTS_FILE, finish_training
from trimpi.stages.trl_seams import RolloutTrainer
from trimpi.stages.work import count_weights, rl_cost
from trimpi.tasks.selection import first_per_policy
from trimpi.types import Example


def run_rl(config: RlConfig, context: StageContext) -> StageResult:
    """GRPO or DAPO with PolicyRollout; without it at the same total group size with policy_aware_share 0."""
    trainer, callback, renderer = build_trainer(config, context)
    weights = count_weights(trainer.network)
    result = finish_training(trainer, callback, context, renderer.processor)
    cost = rl_cost(
        config,
        weights,
        tokens=result.tokens,
        rollouts=context.output_dir / ROLLOUTS_FILE,
        task=context.task,
        examples=first_per_policy(context.task.examples("train"), config.examples_per_policy),
        renderer=renderer,
        model_config=trainer.network.config,
    )
    return replace(result, cost=cost)


def build_trainer(config: RlConfig, context: StageContext) -> tuple[RolloutTrainer, StageCallback, Renderer]:
    """Everything `run_rl` trains with. Raises ModelError or RecipeError before weights load where it can."""
    check_sampler(config.sampler)
    arguments = grpo_arguments(config, context)
    examples = first_per_policy(context.task.examples("train"), config.examples_per_policy)
    plan = stage_plan(config, len(examples), seed=context.seed)
    processor = load_processor(context.model_path)
    processor.tokenizer.padding_side = (
        "left"  # as TRL pads prompts; it takes the image tensors' layout from the processor
    )
    renderer = Renderer(processor, instruction=context.instruction)
    model = load_model(context.model_path, dtype=weights_dtype(config, context.model), attn=context.model.attention)
    models = {CURRENT: model, **_frozen_models(config, context)}
    samplers = {
        name: local_sampler(one, renderer, batch_size=config.sampler.batch_size, engine=context.engine)
        for name, one in models.items()
    }
    gate = _gate(config, context, renderer, examples, samplers)
    seen_by = _candidates(config, samplers)[0] if gate is None else gate.policy_aware_model
    rollouts = PolicyRollouts(
        config,
        plan,
        context.task,
        examples,
        renderer,
        sampler=partial(row_sampler, config.sampler, renderer=renderer, engine=context.engine),
        log_file=context.output_dir / ROLLOUTS_FILE,
        gate=gate,
        policy_aware_sampler=None if seen_by == CURRENT else samplers[seen_by],
        teacher=_teacher(config, context, renderer, None if seen_by == CURRENT else models[seen_by], gate),
    )
    callback = StageCallback(
        context.output_dir / METRICS_FILE, progress=context.progress, step_metrics=lambda: rollouts.statistics
    )
    trainer = RolloutTrainer(
        model=model,
        reward_funcs=[logged_reward],
        args=arguments,
        train_dataset=rollout_dataset([renderer.prompt(examples[index]) for index in plan.order]),
        processing_class=processor,
        callbacks=[callback],
        peft_config=peft_config(config.lora, model),
        rollouts=rollouts,
        first_batch_check=check_first_batch,
        micro_batch_tokens=config.micro_batch_tokens,
        engine=context.engine,
    )
    return trainer, callback, renderer


def stage_plan(config: RlConfig, examples: int, *, seed: int) -> GroupPlan:
    """Every group of the stage, decided beforehand."""
    dynamic = config.algorithm.dynamic_sampling
    return group_plan(
        examples,
        steps=config.steps,
        prompts_per_step=config.prompts_per_step,
        group_size=config.total_group_size,
        draws=1 if dynamic is None else dynamic.max_draws,
        seed=seed,
    )


def _frozen_models(config: RlConfig, context: StageContext) -> dict[str, PreTrainedModel]:
    """A model that may see the policy in the place of the one being trained; a resumed stage reads the same one."""
    path = context.earlier_models.get(config.reads, context.model_path)
    named = config.policy_aware_model
    is_seen = config.teacher is not None or config.policy_aware_share != 0
    if named == CURRENT or (named == BEST and (path == context.model_path or not is_seen)):
        return {}
    return {config.reads: load_model(path, dtype=context.model.dtype, attn=context.model.attention)}


def _candidates(config: RlConfig, models: Iterable[str]) -> list[str]:
    """The names of those that may see the policy: all, or the one that the recipe names."""
    return [name for name in models if config.policy_aware_model in (BEST, name)]


def _gate(
    config: RlConfig,
    context: StageContext,
    renderer: Renderer,
    examples: Sequence[Example],
    samplers: Mapping[str, RowSampler],
) -> Gate | None:
    """What the policy in the prompt gains before the first step; None where that is not to be measured."""
    if not config.gate_examples:
        return None
    return kept_gate(
        context.output_dir / GATE_FILE,
        lambda: measure_gate(
            context.task,
            examples[: config.gate_examples],
            samplers[CURRENT],
            {name: samplers[name] for name in _candidates(config, samplers)},
            renderer,
            sampling_settings(config),
            context.seed,
        ),
    )


def _teacher(
    config: RlConfig, context: StageContext, renderer: Renderer, frozen: PreTrainedModel | None, gate: Gate | None
) -> PolicyTeacher | None:
    """Whoever sees the policy; where that is the model being trained, as it is before the first step.

    Where the policy in the prompt gains nothing there is no teacher.
    """
    if config.teacher is None or (gate is not None and not gate.is_open):
        return None
    model = frozen or load_model(context.model_path, dtype=context.model.dtype, attn=context.model.attention)
    share = context.engine == "prefix" and can_share(training_obstacle(model))
    if share:
        enable_shared_attention(model)
    return PolicyTeacher(model, renderer, share=share)


def grpo_arguments(config: RlConfig, context: StageContext) -> TrlGrpoConfig:
    """One generation per optimizer step (times num_iterations), whole groups, checkpoints at generation boundaries.

    Raises RecipeError when the completions of a step do not divide among the processes.
    """
    algorithm = config.algorithm
    per_process, rest = divmod(config.completions_per_step, launched_processes())
    if rest:
        raise RecipeError(
            f"the {config.completions_per_step} completions of a step (prompts_per_step x 2 x group_size) do not "
            f"divide among {launched_processes()} processes: change one of them"
        )
    return TrlGrpoConfig(
        **common_arguments(
            config,
            context,
            batch_size=per_process,  # the trainer cuts it into micro-batches itself
            updates_per_checkpoint_step=algorithm.num_iterations,
        ),
        **sampler_arguments(config),
        gradient_accumulation_steps=1,
        max_steps=config.steps * algorithm.num_iterations,
        num_generations=config.total_group_size,
        num_iterations=algorithm.num_iterations,
        shuffle_dataset=False,  # the plan's order
        max_completion_length=config.max_new_tokens,
        temperature=config.temperature,
        top_p=config.top_p,
        epsilon=algorithm.epsilon_low,
        epsilon_high=algorithm.epsilon_high,
        beta=algorithm.beta,
        loss_type=algorithm.loss_type,
        delta=algorithm.dual_clip,
        scale_rewards="none",  # advantages are our own
        use_bias_correction_kl=algorithm.kl_ratio,
        mask_truncated_completions=algorithm.overlong is not None and algorithm.overlong.mask_truncated,
    )
