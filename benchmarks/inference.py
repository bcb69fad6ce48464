"""One request at a time: the policy in the prompt against the policy in the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor
from transformers import BatchFeature, PreTrainedModel

from benchmarks.rows import Row, rows_of_case
from benchmarks.subject import Subject, check_written, endless, on_device_of, policy_tokens, requests
from benchmarks.timing import Contestant, Ticker, take_turns, timed
from trimpi.prefix.decoding import PrefixMemory, decode
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.choice import TokenChoice

TITLE = "One request: in context and internalized"
INTERNALIZED, IN_CONTEXT, KEPT = "internalized", "in context", "in context, policy kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Policies of these `layers`; a request is answered with `new_tokens` tokens, greedily."""

    layers: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    new_tokens: int = 64
    repeats: int = 5


FULL = Sizes()
QUICK = Sizes(layers=(3, 6), new_tokens=16, repeats=2)


def run(subject: Subject, sizes: Sizes, progress: Callable[[int, int], None]) -> list[Row]:
    """Until the first token, and until the last; encoding of text and pixels left out, the vision tower not."""
    tick = Ticker(progress, 6 * len(sizes.layers) * (1 + sizes.repeats))
    renderer = subject.renderer()
    endless(renderer)
    desk = _Desk(subject.load(), renderer)
    rows: list[Row] = []
    for layers in sizes.layers:
        task = subject.task_of(layers, 1)
        asked, *others = requests(task, 3)
        policy = task.policy_of(asked)
        tokens = policy_tokens(renderer, [asked], policy)
        aware = renderer.prompt(asked, policy)
        kept = desk.memory([renderer.prompt(other, policy) for other in others])
        for name, new_tokens in (("first token", 1), (f"{sizes.new_tokens} tokens", sizes.new_tokens)):
            ways = {
                INTERNALIZED: desk.answering(renderer.prompt(asked), new_tokens),
                IN_CONTEXT: desk.answering(aware, new_tokens),
                KEPT: desk.answering(aware, new_tokens, kept=kept),
            }
            runs = take_turns(ways, repeats=sizes.repeats, tick=tick)
            rows += rows_of_case(f"{tokens} policy tokens, {name}", runs, reference=INTERNALIZED)
    return rows


class _Desk:
    """Answers single requests by the prefix engine."""

    def __init__(self, model: PreTrainedModel, renderer: Renderer) -> None:
        self._model, self._renderer = model, renderer
        self._choice = TokenChoice(temperature=0.0, top_p=1.0, suppressed=renderer.visual_token_ids)

    def memory(self, prompts: Sequence[Prompt] = ()) -> PrefixMemory:
        """What stays of having answered these: the policy that they share."""
        memory = PrefixMemory(self._model)
        if prompts:
            memory.prefill(self._encoded(prompts), range(len(prompts)))
        return memory

    def answering(self, prompt: Prompt, new_tokens: int, *, kept: PrefixMemory | None = None) -> Contestant:
        """Answer this prompt, with what `kept` remembers or from nothing; a run does not help the next one."""
        inputs = self._encoded([prompt])

        def work() -> None:
            written = decode(
                self._model,
                (kept.copy() if kept else self.memory()).prefill(inputs, [0]),
                [0],
                self._choose,
                max_new_tokens=new_tokens,
                end=self._renderer.end_of_turn_id,
            )
            check_written([tokens for tokens, _ in written], rows=1, tokens=new_tokens)

        return timed(work, on_device_of(self._model))

    def _choose(self, logits: Tensor, step: int, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self._choice(logits, None)

    def _encoded(self, prompts: Sequence[Prompt]) -> BatchFeature:
        return self._renderer.encode_prompts(prompts).to(self._model.device, dtype=self._model.dtype)
