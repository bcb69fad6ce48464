"""What commands put to work: the services of a real run. Heavy libraries load when a service is first used."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimpi.digest import model_content
from trimpi.errors import EndpointError
from trimpi.evaluation.results import EFFICIENCY
from trimpi.policies import Policy, join_texts
from trimpi.recipe import CustomTaskConfig, Recipe, StageConfig
from trimpi.recipe.rewards import JudgeReward
from trimpi.rendering.prompts import DEFAULT_INSTRUCTION, Prompt
from trimpi.run.check import TokenCounter
from trimpi.run.processes import Processes
from trimpi.run.services import EvaluationRequest, Progress, Reporter, RunServices
from trimpi.stages.context import StageContext, StageResult
from trimpi.tasks.base import Task
from trimpi.tasks.custom.judge import Judge
from trimpi.tasks.registry import build_task
from trimpi.types import Example, Message

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from trimpi.rendering.renderer import Renderer
    from trimpi.sampling.sampler import Sampler

CACHE_VARIABLE = "TRIMPI_CACHE"
SYSTEM = Message(role="system", parts=("You are a helpful assistant.",))
"""For chats without one: what the templates of common models put there."""


def production_services(processes: Processes, reporter: Reporter) -> RunServices:
    """Everything a run calls, for real."""
    return RunServices(
        build_task=task_of,
        resolve_model=_resolve_model,
        run_stage=_run_stage,
        evaluate=evaluate_model,
        write_report=_write_report,
        processes=processes,
        reporter=reporter,
    )


def quiet_libraries() -> None:
    """Leave the screen to our own progress: no bars for files that load, no notes for the libraries' developers."""
    warnings.filterwarnings("ignore", category=FutureWarning)
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    getLogger("lm_eval").setLevel("ERROR")


def cache_dir() -> Path:
    """Where rendered scenes are kept between runs: $TRIMPI_CACHE, else .trimpi-cache in the working directory."""
    return Path(os.environ.get(CACHE_VARIABLE) or ".trimpi-cache").resolve()


def task_of(recipe: Recipe, progress: Progress | None = None) -> Task:
    """The task a recipe names, with all its data."""
    judge = _judge_of(recipe)
    return build_task(recipe.task, seed=recipe.data_seed, cache_dir=cache_dir(), progress=progress, judge=judge)


def _judge_of(recipe: Recipe) -> Judge | None:
    """Asks the endpoint of the reward `judge`, if that is the recipe's; its answers are kept in the cache."""
    reward = recipe.task.reward if isinstance(recipe.task, CustomTaskConfig) else None
    if not isinstance(reward, JudgeReward):
        return None
    from trimpi.sampling.endpoint import Endpoint, endpoint_access
    from trimpi.sampling.endpoint.requests import ChatRequest

    endpoint_access(reward.endpoint)
    endpoint = Endpoint(reward.endpoint, answers=cache_dir() / "judged.jsonl")

    def judge(messages: Sequence[Message], max_tokens: int) -> str:
        request = ChatRequest(messages=tuple(messages), temperature=0.0, max_tokens=max_tokens)
        return endpoint.complete([request])[0].text

    return judge


def evaluate_model(request: EvaluationRequest) -> None:
    """Load the model, carry out what is not finished of suites and benchmarks, measure what its prompts cost if asked.

    With the suite `forgetting`, the divergence from the recipe's model is measured too.
    """
    from trimpi.evaluation.efficiency import measure_efficiency
    from trimpi.models.loading import load_model, load_processor
    from trimpi.rendering.renderer import Renderer
    from trimpi.sampling.local_engines import local_sampler

    renderer = Renderer(load_processor(request.model_path), instruction=request.instruction)
    if "forgetting" in request.settings.suites:
        _require_same_vocabulary(request, renderer)
    harness_tasks = _harness_tasks(request)
    model = load_model(request.model_path, dtype=request.model.dtype, attn=request.model.attention)
    sampler = local_sampler(model, renderer, batch_size=request.settings.batch_size, engine=request.engine)
    unjudged = _evaluate_suites(request, sampler, renderer)
    if "forgetting" in request.settings.suites:
        _measure_divergence(request, model, renderer)
    if harness_tasks is not None:
        _run_harness(request, model, renderer, harness_tasks)
    if request.efficiency or EFFICIENCY in request.settings.suites:
        with request.track(EFFICIENCY) as progress:
            measure_efficiency(
                request.task,
                model,
                renderer,
                model_name=request.name,
                model_key=request.model_key,
                out_dir=request.out_dir,
                settings=request.settings.efficiency,
                engine=request.engine,
                progress=progress,
            )
    del model, sampler
    _free_accelerator_memory()
    if unjudged is not None:
        raise unjudged


def _evaluate_suites(request: EvaluationRequest, sampler: Sampler, renderer: Renderer) -> EndpointError | None:
    """Carry out the suites; a judge that cannot be reached does not keep the others from it, and is returned."""
    from trimpi.evaluation import evaluate_suite

    unjudged = None
    for suite in [name for name in request.settings.suites if name != EFFICIENCY]:
        try:
            with request.track(suite) as progress:
                evaluate_suite(
                    request.task,
                    sampler,
                    renderer,
                    suite=suite,
                    model=request.name,
                    model_key=request.model_key,
                    out_dir=request.out_dir,
                    max_new_tokens=request.settings.max_new_tokens,
                    seed=request.seed,
                    examples=request.settings.examples,
                    skill_examples=request.settings.skill_examples,
                    cache_dir=cache_dir(),
                    referral_judge=request.settings.referral_judge,
                    progress=progress,
                )
        except EndpointError as error:
            unjudged = error
    return unjudged


def _require_same_vocabulary(request: EvaluationRequest, renderer: Renderer) -> None:
    from trimpi.evaluation.divergence_results import require_same_vocabulary
    from trimpi.models.loading import load_processor

    require_same_vocabulary(renderer, load_processor(request.base_path), base=request.model.path)


def _measure_divergence(request: EvaluationRequest, model: PreTrainedModel, renderer: Renderer) -> None:
    from trimpi.evaluation.divergence_results import measure_divergence
    from trimpi.evaluation.forgetting import forgetting_questions, policy_free
    from trimpi.evaluation.question import SuiteSource
    from trimpi.models.loading import load_model, load_processor, resolve_model_path
    from trimpi.rendering.renderer import Renderer

    source = SuiteSource(
        task=request.task, seed=request.seed, skill_examples=request.settings.skill_examples, cache_dir=cache_dir()
    )
    is_base = resolve_model_path(request.base_path) == resolve_model_path(request.model_path)
    base = model if is_base else load_model(request.base_path, dtype=request.model.dtype, attn=request.model.attention)
    with request.track("divergence") as progress:
        measure_divergence(
            policy_free(forgetting_questions(source)),
            model,
            base,
            renderer,
            model_name=request.name,
            model_key=f"{request.model_key} {model_content(request.base_path)}",
            base_name=request.model.path,
            out_dir=request.out_dir,
            max_new_tokens=request.settings.max_new_tokens,
            batch_size=request.settings.batch_size,
            engine=request.engine,
            base_renderer=Renderer(load_processor(request.base_path), instruction=request.instruction),
            seed=request.seed,
            progress=progress,
        )


def _harness_tasks(request: EvaluationRequest) -> Any:
    """lm-eval's tasks, or None where there are none to ask; they are read before any weights are."""
    from trimpi.evaluation.harness import check_harness, find_tasks, harness_is_finished

    config = request.settings.harness
    if config is None:
        return None
    check_harness(config)
    finished = harness_is_finished(
        config, model_name=request.name, model_key=request.model_key, out_dir=request.out_dir, seed=request.seed
    )
    return None if finished else find_tasks(config)


def _run_harness(request: EvaluationRequest, model: PreTrainedModel, renderer: Renderer, tasks: Any) -> None:
    from trimpi.evaluation.harness import run_harness

    config = request.settings.harness
    assert config is not None
    with request.track("benchmarks"):
        run_harness(
            model,
            renderer.processor,
            tasks,
            config,
            model_name=request.name,
            model_key=request.model_key,
            out_dir=request.out_dir,
            batch_size=request.settings.batch_size,
            seed=request.seed,
        )


def token_counter(recipe: Recipe) -> TokenCounter:
    """Counts tokens with the processor of the recipe's model; its weights stay on disk."""
    from trimpi.models.loading import load_processor
    from trimpi.rendering.renderer import Renderer

    processor = load_processor(recipe.model.path)
    return _RendererTokens(Renderer(processor, instruction=recipe.instruction or DEFAULT_INSTRUCTION))


class _RendererTokens:
    """Token counts as the renderer makes them."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def prompt(self, example: Example, policy: Policy | None) -> int:
        return self.chat(self._renderer.prompt(example, policy))

    def chat(self, prompt: Prompt) -> int:
        """As the renderer takes chats: with a system turn, and texts in one piece."""
        given = prompt.messages
        whole = given if given[0].role == "system" else (SYSTEM, *given)
        messages = tuple(replace(message, parts=join_texts(message.parts)) for message in whole)
        return len(self._renderer.prompt_ids(replace(prompt, messages=messages)))

    def response(self, text: str) -> int:
        return len(self._renderer.response_ids(text))

    def control_token_in(self, text: str) -> str | None:
        return self._renderer.control_token_in(text)


def _free_accelerator_memory() -> None:
    """The next stage loads its model into the same memory."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _resolve_model(path: str) -> Path:
    from trimpi.models.loading import resolve_model_path

    return Path(resolve_model_path(path))


def _run_stage(config: StageConfig, context: StageContext) -> StageResult:
    from trimpi.stages import run_stage

    return run_stage(config, context)


def _write_report(run_dir: Path) -> Path:
    from trimpi.reporting.report import write_report

    return write_report(run_dir)
