"""The model's thread when things go wrong or many come at once; waves are scripted where the model does not matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue

import pytest

import tiny_models
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.local import LocalSampler
from trimpi.sampling.sampler import SamplingSettings
from trimpi.serving.batcher import Batcher
from trimpi.serving.jobs import Accepted, Answer, Failed, Finished, Job, News, Wrote
from trimpi.serving.limits import Limits
from trimpi.serving.refusals import Refusal
from trimpi.serving.waves import Wave, wave_maker
from trimpi.types import ImagePart, Message

LIMITS = Limits(batch=4, waiting=3)
PROCESSOR = tiny_models.tiny_processor("qwen2_5_vl")


def prompt(text: str = "a", *images: Path) -> Prompt:
    parts = (*(ImagePart(path=path) for path in images), text)
    turns = (Message(role="system", parts=("s",)), Message(role="user", parts=parts))
    return Prompt(messages=turns, policy_aware=False)


class Listener:
    """A job and what it was told."""

    def __init__(self, asked: Prompt | None = None, *, seeds: Sequence[int] = (0,), **settings: float) -> None:
        self.news: SimpleQueue[News] = SimpleQueue()
        chosen = {"temperature": 0.0, "top_p": 1.0, "max_new_tokens": 4, **settings}
        self.job = Job(
            prompt=asked or prompt(),
            seeds=seeds,
            settings=SamplingSettings(**chosen),  # type: ignore[arg-type]
            tell=self.news.put,
        )

    def answers(self) -> list[str]:
        """The whole answers; fails when there are none."""
        texts = {}
        while len(texts) < len(self.job.seeds):
            news = self.news.get(timeout=30)
            assert not isinstance(news, Failed), news.refusal
            if isinstance(news, Finished):
                texts[news.answer] = news.text
        return [texts[number] for number in sorted(texts)]

    def status(self) -> int:
        """Of the refusal it ends with."""
        while not isinstance(news := self.news.get(timeout=30), Failed):
            assert isinstance(news, Accepted | Wrote)
        return news.refusal.status


class ScriptedWaves:
    """Calls `step` with the answers of a wave, and `begun` with their number."""

    longest = None

    def __init__(self, step: Callable[[list[Answer]], None], begun: Callable[[int], None] = lambda _: None) -> None:
        self._step, self._begun = step, begun

    def begin(self, answers: Sequence[Answer]) -> Wave:
        self._begun(len(answers))
        return ScriptedWave(list(answers), self._step)


class ScriptedWave:
    def __init__(self, answers: list[Answer], step: Callable[[list[Answer]], None]) -> None:
        self.answers: list[Answer] = answers
        self._step = step

    def step(self) -> None:
        self._step(self.answers)


def write_one(answers: list[Answer]) -> None:
    answers[:] = [answer for answer in answers if not answer.push(ord("x"))]


def test_one_whose_wave_fails_is_told_and_the_next_is_served() -> None:
    def fail_on_b(answers: list[Answer]) -> None:
        if answers[0].job.prompt == prompt("b"):
            raise RuntimeError("no memory")
        write_one(answers)

    batcher = Batcher(ScriptedWaves(fail_on_b), Renderer(PROCESSOR), LIMITS)
    batcher.start()
    broken, whole = Listener(prompt("b")), Listener()
    batcher.submit(broken.job)
    assert broken.status() == 500
    batcher.submit(whole.job)
    assert whole.answers() == ["xxxx"] and batcher.alive
    assert batcher.state == {"running": 0, "waiting": 0, "waves": 0}
    batcher.close(10)


def test_one_that_cannot_begin_does_not_keep_others_from_it() -> None:
    def refuse_pairs(count: int) -> None:
        if count > 1:
            raise RuntimeError("an image is gone")

    batcher = Batcher(ScriptedWaves(write_one, refuse_pairs), Renderer(PROCESSOR), LIMITS)
    listeners = [Listener(), Listener()]
    for listener in listeners:
        batcher._inbox.put(listener.job)
    batcher.start()
    assert [listener.answers() for listener in listeners] == [["xxxx"], ["xxxx"]]
    batcher.close(10)


def test_too_many_are_refused_and_those_who_wait_are_answered() -> None:
    listeners = [Listener() for _ in range(4)]

    def submit_all(answers: list[Answer]) -> None:
        if listeners:
            for listener in listeners[:3]:
                batcher.submit(listener.job)
            with pytest.raises(Refusal, match="3 answers wait") as refusal:
                batcher.submit(listeners[3].job)
            assert refusal.value.status == 429 and refusal.value.headers == {"retry-after": "1"}
            waiting.extend(listeners[:3])
            listeners.clear()
        write_one(answers)

    waiting: list[Listener] = []
    batcher = Batcher(ScriptedWaves(submit_all), Renderer(PROCESSOR), LIMITS)
    batcher.start()
    first = Listener()
    batcher.submit(first.job)
    assert first.answers() == ["xxxx"]
    assert [listener.answers() for listener in waiting] == [["xxxx"]] * 3
    batcher.close(10)


def test_closing_answers_what_was_taken_and_refuses_the_rest() -> None:
    batcher = Batcher(ScriptedWaves(write_one), Renderer(PROCESSOR), LIMITS)
    batcher.start()
    taken, late = Listener(seeds=(0, 1)), Listener()
    batcher.submit(taken.job)
    batcher.close(10)
    assert taken.answers() == ["xxxx", "xxxx"]
    with pytest.raises(Refusal, match="stopping"):
        batcher.submit(late.job)


def test_answers_do_not_depend_on_who_else_is_served(tmp_path: Path) -> None:
    """By temperature, nucleus, seed, length and image, all in one batch; one leaves in the middle."""
    model, processor = tiny_models.tiny_model("qwen2_5_vl")
    renderer = Renderer(processor)
    image = tiny_models.write_image(tmp_path / "red.png")
    listeners = [
        Listener(prompt("What is it?", image), max_new_tokens=12),
        Listener(prompt("What is it?", image), seeds=(3, 4), temperature=1.0, max_new_tokens=9),
        Listener(prompt("Something else?"), seeds=(3,), temperature=0.7, top_p=0.5, max_new_tokens=15),
        Listener(prompt("Something else?"), max_new_tokens=15),
    ]
    batcher = Batcher(wave_maker(model, renderer, batch=8, engine="prefix"), renderer, Limits(batch=8))
    leaving = Listener(prompt("a"), max_new_tokens=1000)
    for listener in (leaving, *listeners):
        batcher._inbox.put(listener.job)
    batcher.start()
    while not isinstance(leaving.news.get(timeout=30), Wrote):
        pass
    leaving.job.cancelled.set()
    sampler = LocalSampler(model, renderer, batch_size=1)
    for listener in listeners:
        job = listener.job
        alone = [sampler.sample_rows([job.prompt], [seed], job.settings)[0].text for seed in job.seeds]
        assert listener.answers() == alone
    batcher.close(10)
    assert batcher.state["running"] == 0
