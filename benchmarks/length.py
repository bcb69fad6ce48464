"""Policy-aware rollouts as the policy grows: what it costs in time, memory and computed tokens.

Policies beyond the longest tree repeat its text, and beyond the model's context they are positions it never saw:
figures at such lengths are times, and say nothing of what the model writes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.memory import cost_of
from benchmarks.rows import Row, left_out, rows_of_case, seconds_of
from benchmarks.subject import (
    DEEPEST,
    Subject,
    check_written,
    endless,
    on_device_of,
    policy_of_length,
    policy_tokens,
    repeated,
    requests,
)
from benchmarks.timing import Ticker, take_turns, timed
from trimpi.rendering.prompts import Prompt
from trimpi.sampling.local import LocalSampler
from trimpi.sampling.sampler import SamplerByRows, SamplingSettings, row_seed
from trimpi.sampling.shared import SharedPrefixSampler

TITLE = "Rollouts over policy length"
PREFIX, PLAIN = "engine prefix", "engine plain"
ROOM = 256
"""Positions beside the policy: a request and its completion."""
LONGEST_WAIT = 60.0
"""Seconds. The plain engine is left out where, growing no faster than the policy, it would take longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Policies of about `tokens` tokens; `samples` completions of `new_tokens` tokens for each of `prompts`."""

    tokens: tuple[int, ...] = (250, 500, 1000, 2000, 4000, 8000, 16000)
    prompts: int = 4
    samples: int = 8
    new_tokens: int = 32
    layers: int = DEEPEST
    repeats: int = 3


FULL = Sizes()
QUICK = Sizes(tokens=(250, 1000), samples=4, new_tokens=8, repeats=1)


def run(subject: Subject, sizes: Sizes, progress: Callable[[int, int], None]) -> list[Row]:
    """Both engines at every length, as long as the plain one takes less than LONGEST_WAIT."""
    tick = Ticker(progress, 2 * len(sizes.tokens) * (1 + sizes.repeats))
    renderer = subject.renderer()
    endless(renderer)
    model = subject.load()
    text = model.config.get_text_config()
    text.max_position_embeddings = max(text.max_position_embeddings, max(sizes.tokens) + ROOM)
    at_once = sizes.prompts * sizes.samples
    engines = {
        PREFIX: SharedPrefixSampler(model, renderer, batch_size=at_once),
        PLAIN: LocalSampler(model, renderer, batch_size=at_once),
    }
    task = subject.task_of(sizes.layers, 1)
    examples = requests(task, sizes.prompts)
    rows: list[Row] = []
    previous: tuple[str, int] | None = None
    for wanted in sizes.tokens:
        policy = policy_of_length(renderer, task.policy_of(examples[0]), wanted)
        tokens = policy_tokens(renderer, examples, policy)
        case = f"{tokens} policy tokens"
        prompts = repeated([renderer.prompt(example, policy) for example in examples], sizes.samples)
        last = None if previous is None else seconds_of(rows, previous[0], PLAIN)
        too_long = previous is not None and (last is None or last * tokens / previous[1] > LONGEST_WAIT)
        entered = {name: engine for name, engine in engines.items() if name == PREFIX or not too_long}
        works = {name: partial(_sample, engine, prompts, sizes) for name, engine in entered.items()}
        runs = take_turns(
            {name: timed(work, on_device_of(model)) for name, work in works.items()},
            repeats=sizes.repeats,
            tick=tick,
        )
        costs = {name: cost_of(work, model) for name, work in works.items()}
        facts = {
            name: {"peak MB": cost.peak_bytes / 1e6, "computed tokens": float(cost.tokens)}
            for name, cost in costs.items()
        }
        rows += rows_of_case(case, runs, reference=PREFIX, facts=facts)
        if too_long:
            rows.append(left_out(case, PLAIN, f"left out: more than {LONGEST_WAIT:.0f} s"))
            tick(1 + sizes.repeats)
        previous = (case, tokens)
    return rows


def _sample(engine: SamplerByRows, prompts: list[Prompt], sizes: Sizes) -> None:
    settings = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=sizes.new_tokens)
    completions = engine.sample_rows(prompts, [row_seed(0, row) for row in range(len(prompts))], settings)
    check_written([completion.token_ids for completion in completions], rows=len(prompts), tokens=sizes.new_tokens)
