"""`trimpi synth`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from trimpi.cli.arguments import Overrides, RecipeFile
from trimpi.cli.data import MAKE, RecipeByDefault
from trimpi.cli.failures import reported

if TYPE_CHECKING:
    from pathlib import Path

    from trimpi.cot.generate import Generator
    from trimpi.recipe import CustomTaskConfig, Recipe, SynthConfig
    from trimpi.rendering.renderer import Renderer
    from trimpi.sampling.endpoint import Usage
    from trimpi.synth.cost import Cost
    from trimpi.synth.review import Status
    from trimpi.synth.rounds import Round
    from trimpi.tasks.custom.task import CustomTask


def make(
    recipe_file: RecipeFile,
    overrides: Overrides = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before asking the generator.")] = False,
) -> None:
    """Write requests and gold answers for the sections that training rows leave short, and put them up for review.

    Says first what it may cost. Stopped and started again, it asks an endpoint only for what it has not answered.
    """
    from trimpi.cli.progress import make_reporter
    from trimpi.cli.services import quiet_libraries
    from trimpi.recipe import load_recipe
    from trimpi.synth.rounds import Round

    recipe = load_recipe(recipe_file, overrides or ())
    source = _custom(recipe)
    config = recipe.synth
    _check_endpoint(config)
    round_ = Round(_task(recipe), source, config)
    for gap in round_.gaps:
        typer.echo(f"{gap.title}: {gap.have} of {config.requests_per_section}")
    if not round_.batches:
        typer.echo("every section has its share: nothing to write (synth.requests_per_section says how many)")
        return
    quiet_libraries()

    from trimpi.models.loading import load_processor
    from trimpi.rendering.prompts import DEFAULT_INSTRUCTION
    from trimpi.rendering.renderer import Renderer

    renderer = Renderer(load_processor(recipe.model.path), instruction=recipe.instruction or DEFAULT_INSTRUCTION)
    generator = _endpoint_generator(config, renderer, round_)
    paid = 0 if generator is None else _paid(generator, config, round_)
    prompts = renderer.prompts if generator is None else generator.prompts
    typer.echo(_say_cost(round_.cost(prompts, lambda prompt: len(renderer.prompt_ids(prompt)), paid=paid), config))
    if not yes and not typer.confirm("ask for them now?"):
        typer.echo("nothing was asked")
        return
    generator = generator or _model_generator(recipe, renderer)
    records = round_.carry_out(generator, seed=recipe.seed, track=make_reporter().track)

    from trimpi.cot.generate import usage_of_generator

    counts = Counter(record.status for record in records)
    typer.echo(", ".join(f"{count} {status}" for status, count in counts.most_common()))
    usage = usage_of_generator(generator)
    if usage is not None:
        typer.echo(_say_usage(usage, config))
    typer.echo(f"{round_.review.path}: {_say_next(counts, recipe_file)}")


def accept(
    recipe_file: RecipeFile,
    overrides: Overrides = None,
    all_: Annotated[bool, typer.Option("--all", help="Those that are pending too, unread.")] = False,
) -> None:
    """Move the accepted requests of the review file into the training rows."""
    from trimpi.errors import DataError
    from trimpi.recipe import CotTrainingConfig, load_recipe
    from trimpi.synth.accepting import accept as move
    from trimpi.synth.review import ReviewFile

    recipe = load_recipe(recipe_file, overrides or ())
    source = _custom(recipe)
    review = ReviewFile(source.path).path
    if not review.exists():
        raise DataError(f"no review file at {review}: trimpi synth {recipe_file} writes requests into it")
    gold = any(isinstance(stage, CotTrainingConfig) and stage.cot == "gold" for stage in recipe.stages)
    added = move(_task(recipe), source, pending=all_, reasoned=gold)
    typer.echo(f"{source.path / source.train}: {added} rows added")


def _custom(recipe: Recipe) -> CustomTaskConfig:
    from trimpi.errors import RecipeError
    from trimpi.recipe import CustomTaskConfig

    if not isinstance(recipe.task, CustomTaskConfig):
        raise RecipeError(
            f"task.type is {recipe.task.type}, which makes its own requests: trimpi synth is for a policy of your own, "
            "task.type custom (trimpi init DIR)"
        )
    return recipe.task


def _task(recipe: Recipe) -> CustomTask:
    from trimpi.cli.services import task_of
    from trimpi.tasks.custom.task import CustomTask

    task = task_of(recipe)
    assert isinstance(task, CustomTask)
    return task


def _check_endpoint(config: SynthConfig) -> None:
    from trimpi.recipe import EndpointConfig
    from trimpi.sampling.endpoint import endpoint_access

    if isinstance(config.generator, EndpointConfig):
        endpoint_access(config.generator)


def _endpoint_generator(config: SynthConfig, renderer: Renderer, round_: Round) -> Generator | None:
    from trimpi.cot.generate import endpoint_generator
    from trimpi.recipe import EndpointConfig

    if not isinstance(config.generator, EndpointConfig):
        return None
    return endpoint_generator(config.generator, renderer, answers=round_.review.answers)


def _model_generator(recipe: Recipe, renderer: Renderer) -> Generator:
    from trimpi.cot.generate import model_generator
    from trimpi.models.loading import load_model
    from trimpi.sampling.local_engines import local_sampler

    network = load_model(recipe.model.path, dtype=recipe.model.dtype, attn=recipe.model.attention)
    sampler = local_sampler(network, renderer, batch_size=recipe.synth.batch_size, engine=recipe.engine)
    return model_generator(sampler, renderer)


def _paid(generator: Generator, config: SynthConfig, round_: Round) -> int:
    """Calls of this round that the endpoint answered before."""
    from trimpi.sampling.endpoint import EndpointSampler

    assert isinstance(generator.sampler, EndpointSampler)
    unanswered = generator.sampler.unanswered(
        round_.prompts, samples=1, temperature=config.temperature, top_p=1.0, max_new_tokens=config.max_new_tokens
    )
    return len(round_.prompts) - unanswered


def _say_cost(cost: Cost, config: SynthConfig) -> str:
    from trimpi.synth.cost import price_of

    price = price_of(cost.prompt_tokens, cost.written_tokens, config)
    before = f" ({cost.paid} of them answered before)" if cost.paid else ""
    said = "no price in the recipe (synth.input_price, synth.output_price)"
    if price is not None:
        said = f"{price:.2f} {config.currency} at {config.input_price:g} and {config.output_price:g} a million"
    return (
        f"at most {cost.calls} calls to write{before} and {cost.checks} to answer; about {cost.prompt_tokens:,} prompt "
        f"tokens and at most {cost.written_tokens:,} written: {said}"
    )


def _say_usage(usage: Usage, config: SynthConfig) -> str:
    from trimpi.synth.cost import price_of

    price = price_of(usage.prompt_tokens, usage.completion_tokens, config)
    said = "" if price is None else f": {price:.2f} {config.currency}"
    return (
        f"{usage.answers} answers, {usage.prompt_tokens:,} prompt tokens and {usage.completion_tokens:,} written, "
        f"those of earlier attempts at this round among them{said}"
    )


def _say_next(counts: Counter[Status], recipe_file: Path) -> str:
    """What to do with a round's records."""
    if counts["pending"] or counts["disagreed"]:
        return (
            f"read it, set status to accepted or rejected, then trimpi synth accept {recipe_file} "
            "(--all takes every pending one)"
        )
    if counts["duplicate"]:
        return "nothing new came, see why in it: the same command asks again, and says what is there"
    return (
        "nothing to accept, each line says why: the generator does not write requests as they are asked for; give "
        "synth.generator a larger model or an endpoint, or synth.max_new_tokens more if its lines are cut off"
    )


synth = typer.Typer(
    cls=RecipeByDefault,
    no_args_is_help=True,
    help="Write requests from a policy (trimpi synth RECIPE), and take those you accept (trimpi synth accept RECIPE).",
)
synth.command(MAKE)(reported(make))
synth.command("accept")(reported(accept))
