"""What `trimpi cot` puts to work: a task, a generator, and files."""

from __future__ import annotations

from trimpi.cli.progress import make_reporter
from trimpi.cli.services import quiet_libraries, task_of
from trimpi.cot.generate import (
    Generator,
    endpoint_generator,
    model_generator,
    refuse_none,
    sample_cots,
    usage_of_generator,
)
from trimpi.cot.sampled import SampledCots
from trimpi.cot.store import CotFiles
from trimpi.errors import ModelError
from trimpi.recipe import BASE, INPUT, CotSamplingConfig, CotTrainingConfig, EndpointConfig, Recipe
from trimpi.rendering.prompts import DEFAULT_INSTRUCTION
from trimpi.sampling.endpoint import endpoint_access
from trimpi.tasks.selection import first_per_policy


def input_model(recipe: Recipe, number: int, given: str | None) -> str:
    """The model whose tokens stage `number` learns, which samples them unless an endpoint does: given, or the recipe's.

    Raises ModelError where the chains of thought come from a model that an earlier stage is to make.
    """
    if given is not None:
        return given
    stage = recipe.stages[number - 1]
    sampling = stage.cot_sampling if isinstance(stage, CotTrainingConfig) else None
    local = sampling is not None and not isinstance(sampling.generator, EndpointConfig)
    if local and stage.reads != BASE and number > 1:
        left = f"stage {number - 1} leaves" if stage.reads == INPUT else f"stage {stage.reads} leaves"
        raise ModelError(
            f"stage {number} samples from the model that {left}: name its folder with --model, or let an endpoint write"
        )
    return recipe.model.path


def sample_stage(recipe: Recipe, config: CotTrainingConfig, files: CotFiles, *, model: str, label: str) -> SampledCots:
    """Sample a stage's chains of thought as the stage itself would, and write them with their counts."""
    sampling = config.cot_sampling
    assert sampling is not None, "chosen_stage lets only stages pass that sample"
    if isinstance(sampling.generator, EndpointConfig):
        endpoint_access(sampling.generator)  # before the data are made, which takes longer
    quiet_libraries()
    reporter = make_reporter()
    with reporter.track("preparing the data") as progress:
        task = task_of(recipe, progress)
        task.validate()
    examples = first_per_policy(task.examples("train"), config.examples_per_policy)
    generator = _generator(recipe, sampling, files, model=model)
    with reporter.track(label) as progress:
        cots = sample_cots(config, task, examples, generator, seed=recipe.stage_seed(config), progress=progress)
    refuse_none(config, cots)

    from trimpi.stages.supervised.cots import write_sampled

    write_sampled(cots, files, usage_of_generator(generator))
    return cots


def _generator(recipe: Recipe, sampling: CotSamplingConfig, files: CotFiles, *, model: str) -> Generator:
    from trimpi.models.loading import load_model, load_processor
    from trimpi.rendering.renderer import Renderer
    from trimpi.sampling.local_engines import local_sampler

    renderer = Renderer(load_processor(model), instruction=recipe.instruction or DEFAULT_INSTRUCTION)
    if isinstance(sampling.generator, EndpointConfig):
        return endpoint_generator(sampling.generator, renderer, answers=files.answers)
    network = load_model(model, dtype=recipe.model.dtype, attn=recipe.model.attention)
    sampler = local_sampler(network, renderer, batch_size=sampling.batch_size, engine=recipe.engine)
    return model_generator(sampler, renderer)
