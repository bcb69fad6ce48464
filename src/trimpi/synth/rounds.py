"""One round: requests written for what sections lack, those that are new checked, everything put up for review."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from trimpi.cot.generate import Generator
from trimpi.cot.sampled import ControlTokenIn
from trimpi.digest import file_digest
from trimpi.errors import DataError
from trimpi.recipe import CustomTaskConfig, SynthConfig
from trimpi.rendering.prompts import Prompt, PromptWriter
from trimpi.sampling.endpoint.cost import TokensOf
from trimpi.sampling.sampler import Progress
from trimpi.synth.checking import Vote, count_votes
from trimpi.synth.cost import Cost, estimate
from trimpi.synth.duplicates import Requests
from trimpi.synth.pictures import pictures
from trimpi.synth.plan import WHOLE, Batch, batches, gaps
from trimpi.synth.review import SETTLED, ReviewFile, ReviewRecord
from trimpi.synth.rows import read_example
from trimpi.synth.writing import Proposal, Unreadable, answer_form, quote, read_reply, writing_prompt
from trimpi.tasks.custom.task import CustomTask
from trimpi.types import Completion, Example

Candidate = tuple[ReviewRecord, Example]
Track = Callable[[str], AbstractContextManager[Progress]]
"""Opens the progress of a part of the work, by its name."""
PLACE = "the request"
FILLER = "A request of ordinary length, with what has to be known about the case, in two or three sentences. " * 3
"""Stands for a request that is not there yet, where tokens are counted."""


class Round:
    """A round over a task's folder, planned when it is made. Nothing is written before it is over, so that a round that
    was stopped is planned, and asked, in the same words.
    """

    def __init__(self, task: CustomTask, source: CustomTaskConfig, config: SynthConfig) -> None:
        self._task = task
        self._folder = source.path
        self._config = config
        self.review = ReviewFile(source.path)
        self._records: list[ReviewRecord] = []
        self._known = Requests()
        self._written: defaultdict[tuple[str, str], list[Example]] = defaultdict(list)
        settled = self._read_known()
        self.gaps = gaps(task, settled, wanted=config.requests_per_section, skip=config.skip)
        images = pictures(task, source.path, config)
        self.batches = batches(self.gaps, self._records, per_call=config.requests_per_call, images=images)
        self.prompts = self._prompts(answer_form(source.reward, [one.answer for one in task.examples("train")]))

    def cost(self, writer: PromptWriter, tokens_of: TokensOf, *, paid: int) -> Cost:
        """At most; `paid` calls have been answered before."""
        checking = [writer.prompt(_stand_in(batch), self._task.policies[batch.policy]) for batch in self.batches]
        requests = sum(batch.count for batch in self.batches)
        return estimate(self.prompts, checking, self._config, requests=requests, paid=paid, tokens_of=tokens_of)

    def carry_out(self, generator: Generator, *, seed: int, track: Track) -> list[ReviewRecord]:
        """Ask, check, and add the round's records to the review file; they are returned."""
        with track("writing requests") as progress:
            replies = generator.sampler.sample(
                self.prompts,
                samples=1,
                temperature=self._config.temperature,
                top_p=1.0,
                max_new_tokens=self._config.max_new_tokens,
                seed=seed,
                progress=progress,
            )
        found: list[ReviewRecord | Candidate] = []
        for batch, (reply,) in zip(self.batches, replies, strict=True):
            for read in read_reply(reply.text, count=batch.count):
                found.append(self._proposed(batch, read, generator.control_token_in))
        candidates = [one for one in found if not isinstance(one, ReviewRecord)]
        with track("answering them") as progress:
            checked = iter(self._checked(candidates, generator, seed, progress))
        records = [one if isinstance(one, ReviewRecord) else next(checked) for one in found]
        self.review.write([*self._records, *records])
        return records

    def _read_known(self) -> list[Example]:
        """Fill in what is there; the examples that wait in the review file are returned."""
        for example in (*self._task.examples("train"), *self._task.examples("test")):
            self._known.add(example, self._task.place(example))
        for example in self._task.examples("train"):
            for section in (WHOLE, *example.meta["sections"]):
                self._written[example.policy_name, section].append(example)
        settled = []
        for place, record in self.review.placed():
            self._records.append(record)
            if record.row is not None and record.status != "used":
                example = self._task.read_example(record.row, place=place)
                self._known.add(example, place)
                self._written[record.policy, record.section].append(example)
                settled += [example] if record.status in SETTLED else []
        return settled

    def _prompts(self, form: str) -> list[Prompt]:
        return [
            writing_prompt(
                batch,
                self._task.policies[batch.policy],
                form=form,
                examples=[one for one in self._task.examples("train") if one.policy_name == batch.policy],
                written=self._alike(batch),
            )
            for batch in self.batches
        ]

    def _alike(self, batch: Batch) -> list[str]:
        """The section's requests about the same picture: about another, the same words are another request."""
        shown = [] if batch.image is None else [file_digest(batch.image)]
        written = self._written[batch.policy, batch.section]
        return list(dict.fromkeys(one.prompt for one in written if [*map(file_digest, one.all_images)] == shown))

    def _proposed(
        self, batch: Batch, read: Proposal | Unreadable, control_token_in: ControlTokenIn
    ) -> ReviewRecord | Candidate:
        """What is read becomes a record that is settled, or one to be checked, with its example."""
        origin: dict[str, Any] = {"policy": batch.policy, "section": batch.section, "batch": batch.number}
        if isinstance(read, Unreadable):
            return ReviewRecord(**origin, status="unusable", why=read.why, wrote=read.wrote)
        row = self._row(batch, read)
        try:
            example = self._example(row, control_token_in)
        except DataError as error:
            return ReviewRecord(**origin, status="unusable", why=str(error), wrote=quote(json.dumps(row)))
        twin = self._known.like(example)
        if twin is not None:
            return ReviewRecord(**origin, status="duplicate", why=f"it repeats {twin}", row=row)
        self._known.add(example, f"{example.id} of this round")
        return ReviewRecord(**origin, status="disagreed", why="not checked", row=row), example

    def _row(self, batch: Batch, read: Proposal) -> dict[str, Any]:
        images = [] if batch.image is None else [batch.image.relative_to(self._folder.resolve()).as_posix()]
        identity = json.dumps([batch.policy, read.prompt, images]).encode()
        row: dict[str, Any] = {"id": f"synth-{hashlib.sha256(identity).hexdigest()[:12]}", "policy": batch.policy}
        row |= {"prompt": read.prompt, "images": images, "answer": read.answer}
        return row | {"sections": [] if batch.section == WHOLE else [batch.section]}

    def _example(self, row: dict[str, Any], control_token_in: ControlTokenIn) -> Example:
        """Raises DataError for what could be no row, or is worth nothing by the reward."""
        example = read_example(self._task, row, place=PLACE)
        held = control_token_in(example.prompt) or control_token_in(example.answer)
        if held is not None:
            raise DataError(f"{PLACE} holds {held!r}, which the model keeps for turns and images")
        return example

    def _checked(
        self, candidates: Sequence[Candidate], generator: Generator, seed: int, progress: Progress
    ) -> list[ReviewRecord]:
        sampled = generator.sampler.sample(
            [generator.prompts.prompt(example, self._task.policy_of(example)) for _, example in candidates],
            samples=self._config.samples,
            temperature=self._config.temperature,
            top_p=1.0,
            max_new_tokens=self._config.answer_tokens,
            seed=seed + 1,
            progress=progress,
        )
        return [
            self._judged(record, example, completions, generator.control_token_in)
            for (record, example), completions in zip(candidates, sampled, strict=True)
        ]

    def _judged(
        self,
        record: ReviewRecord,
        example: Example,
        completions: Sequence[Completion],
        control_token_in: ControlTokenIn,
    ) -> ReviewRecord:
        row = dict(record.row or {})

        def usable(reasoning: str) -> bool:
            return not control_token_in(reasoning) and self._is_row({**row, "cot": reasoning})

        vote = count_votes(completions, lambda completion: self._task.score(example, completion), usable)
        why = f"{vote.right} of {vote.samples} answers under the policy are {quote(example.answer)!r}"
        if not vote.agrees(self._config.agreement):
            return record.model_copy(update={"status": "disagreed", "why": why, "votes": dict(vote.votes)})
        reasoned, note = self._reasoned(record, row, vote)
        update = {"status": "pending", "why": why + note, "votes": dict(vote.votes), "row": reasoned}
        return record.model_copy(update=update)

    def _reasoned(self, record: ReviewRecord, row: dict[str, Any], vote: Vote) -> tuple[dict[str, Any], str]:
        """The row with its reasoning, exercising what that cites; and what a person should know about it."""
        if vote.reasoning is None:
            return row, "; none of them came with reasoning"
        row = {**row, "cot": vote.reasoning}
        cited = list(self._task.files[record.policy].citations.within(vote.reasoning))
        if not cited or record.section == WHOLE:
            return row, ""
        return {**row, "sections": cited}, "" if record.section in cited else f"; it does not cite {record.section!r}"

    def _is_row(self, row: dict[str, Any]) -> bool:
        try:
            self._task.read_example(row, place=PLACE)
        except DataError:
            return False
        return True


def _stand_in(batch: Batch) -> Example:
    images = () if batch.image is None else (batch.image,)
    return Example(id="stand-in", policy_name=batch.policy, prompt=FILLER, images=images, answer="")
