"""Everything a run reads besides its model, checked before any weights load."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from trimpi.cot.gold import gold_cots
from trimpi.cot.store import load_cots
from trimpi.evaluation.harness import check_harness
from trimpi.evaluation.question import SuiteSource
from trimpi.evaluation.results import EFFICIENCY
from trimpi.evaluation.suites import check_suite
from trimpi.recipe import CotTrainingConfig, EndpointConfig, Recipe, SupervisedConfig
from trimpi.run.directory import stage_name
from trimpi.sampling.endpoint import endpoint_access
from trimpi.tasks.base import Task
from trimpi.tasks.custom.conversations import read_conversations
from trimpi.tasks.selection import first_per_policy


def validate_inputs(recipe: Recipe, task: Task, *, sampled: Container[str] = (), judged: bool = False) -> None:
    """Check gold answers, suites, chains of thought that stages will read, and the way to endpoints that write them.

    `sampled` names the stages whose chains of thought are written already, `judged` says that no reasoning is left for
    a language model to judge: they need no endpoint any more. Raises DataError for the first wrong answer, suite or
    chain of thought, EndpointError for an endpoint that is not set up, and RecipeError when the recipe asks for
    benchmarks and what asks them is not installed.
    """
    if recipe.evaluation.harness is not None:
        check_harness(recipe.evaluation.harness)
    task.validate()
    validate_suites(recipe, task, judged=judged)
    for general in (stage.general for stage in recipe.stages if isinstance(stage, SupervisedConfig)):
        if general is not None:
            read_conversations(Path(general.path))
    for number, stage in enumerate(recipe.stages, start=1):
        if not isinstance(stage, CotTrainingConfig):
            continue
        sampling = stage.cot_sampling
        if stage.cot == "gold":
            gold_cots(first_per_policy(task.examples("train"), stage.examples_per_policy))
        elif sampling is None:
            load_cots(Path(stage.cot), task.examples("train"))
        elif isinstance(sampling.generator, EndpointConfig) and stage_name(number, stage.type) not in sampled:
            endpoint_access(sampling.generator)


def validate_suites(recipe: Recipe, task: Task, *, judged: bool = False) -> None:
    """Raises DataError for the first suite of the recipe that the task does not have what it takes for.

    EndpointError where the judge's endpoint is not set up, unless all that it is to judge is `judged`.
    """
    source = SuiteSource(task=task, seed=recipe.data_seed, examples=recipe.evaluation.examples)
    judge = recipe.evaluation.referral_judge
    for suite in recipe.evaluation.suites:
        if suite != EFFICIENCY:
            check_suite(suite, source, model_judge=judge is not None)
    if "referral" in recipe.evaluation.suites and judge is not None and not judged:
        endpoint_access(judge)
