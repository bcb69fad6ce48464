"""Sampling the chains of thought of a stage: who writes them, in which way, and what became of them. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimpi.cot.forward import forward_cots
from trimpi.cot.reverse import reverse_cots
from trimpi.cot.sampled import ControlTokenIn, SampledCots
from trimpi.errors import DataError
from trimpi.recipe import CotTrainingConfig, EndpointConfig
from trimpi.rendering.prompts import PromptWriter
from trimpi.sampling.endpoint import Endpoint, EndpointSampler, Usage
from trimpi.sampling.sampler import Progress, Sampler
from trimpi.tasks.base import Task
from trimpi.types import Example

if TYPE_CHECKING:
    from trimpi.rendering.renderer import Renderer


@dataclass(frozen=True, kw_only=True)
class Generator:
    """Who writes: a sampler, the prompts it is given, and what the model that is to learn the texts cannot read."""

    sampler: Sampler
    prompts: PromptWriter
    control_token_in: ControlTokenIn


def model_generator(sampler: Sampler, renderer: Renderer) -> Generator:
    """The model itself writes what it is to learn."""
    return Generator(sampler=sampler, prompts=renderer.prompts, control_token_in=renderer.control_token_in)


def endpoint_generator(config: EndpointConfig, renderer: Renderer, *, answers: Path) -> Generator:
    """The model behind an endpoint writes for the one of `renderer`; its answers are kept in the file `answers`."""
    return Generator(
        sampler=EndpointSampler(Endpoint(config, answers=answers)),
        prompts=endpoint_prompts(renderer.instruction),
        control_token_in=renderer.control_token_in,
    )


def endpoint_prompts(instruction: str) -> PromptWriter:
    """The policy stands in the user turn: endpoints take no images in the system turn."""
    return PromptWriter(instruction=instruction, policy_turn="user")


def sample_cots(
    config: CotTrainingConfig,
    task: Task,
    examples: Sequence[Example],
    generator: Generator,
    *,
    seed: int,
    progress: Progress | None = None,
) -> SampledCots:
    """Forward or reverse chains of thought, as the stage says."""
    given = (task, examples, generator.sampler, generator.prompts)
    if config.cot == "forward":
        return forward_cots(
            *given, config.forward_cot, seed=seed, control_token_in=generator.control_token_in, progress=progress
        )
    return reverse_cots(
        *given, config.reverse_cot, seed=seed, control_token_in=generator.control_token_in, progress=progress
    )


def refuse_none(config: CotTrainingConfig, cots: SampledCots) -> None:
    """Raises DataError when there is no chain of thought to learn, with what became of all."""
    if cots.records:
        return
    became = ", ".join(f"{outcome} {count}" for outcome, count in sorted(cots.outcomes.items()))
    if config.cot == "forward":
        raise DataError(
            f"no forward chain of thought of {cots.examples} examples was right ({became}): the generator does not "
            "follow the policy in its prompt; use cot: gold, another forward_cot.generator, or more forward_cot.samples"
        )
    raise DataError(
        f"no reverse chain of thought of {cots.examples} examples was usable ({became}): use cot: gold, another "
        "reverse_cot.generator, or a larger reverse_cot.max_new_tokens if they were truncated"
    )


def counts_of(cots: SampledCots, usage: Usage | None) -> dict[str, Any]:
    """The account of sampled chains of thought as data; `usage` is what an endpoint counted."""
    counts = {"examples": cots.examples, "dropped": cots.dropped, "outcomes": dict(cots.outcomes)}
    return counts if usage is None else {**counts, "usage": asdict(usage)}


def usage_of_generator(generator: Generator) -> Usage | None:
    """What an endpoint counted so far; None for a model of our own."""
    return generator.sampler.usage if isinstance(generator.sampler, EndpointSampler) else None
