"""GTAPolicy as a task: the items of a data set or of the generator, gold calls from the rules engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from trimpi.policies import Policy
from trimpi.recipe import GtaTaskConfig
from trimpi.recipe.task import GtaDirectory
from trimpi.rewards.response import read_response
from trimpi.rewards.similarity import BertScore, ExactText, TextSimilarity
from trimpi.rewards.tool_call import ARGUMENT_KINDS, CallScore, score_call
from trimpi.tasks.base import Task
from trimpi.tasks.gta.directory import LoadReport, Skipped, load_gta_directory, read_tools, split_items
from trimpi.tasks.gta.generator import coverage, generate_items
from trimpi.tasks.gta.items import Item
from trimpi.tasks.gta.judge import judge_rationale
from trimpi.tasks.gta.override import override_every_rule, override_one_rule, override_rules, write_update
from trimpi.tasks.gta.policy_text import write_policy, write_rule
from trimpi.tasks.gta.rationale import applied_rules, write_rationale
from trimpi.tasks.gta.request import gold_call, write_call, write_request
from trimpi.tasks.gta.rules import GTA_RULES, RuleBook
from trimpi.tasks.judging import reasoning_of
from trimpi.types import Completion, Example, Judgement, Outcome, Score, Split

POLICY_NAME = "GTAPolicy"
ITEMS_PER_DIALOG = 2
"""At least so many calls has a generated dialog; more dialogs are made than are needed."""
SPLITS: tuple[Split, ...] = ("train", "test")


class GtaTask(Task):
    """The task of a recipe.

    Raises DataError when a data set is malformed, and ModelError when the text similarity lacks its encoder.
    """

    def __init__(
        self,
        config: GtaTaskConfig,
        *,
        seed: int,
        cache_dir: Path,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._config, self._seed = config, seed
        self._book = _book(config)
        self._updated: RuleBook | None = None
        loaded = _load(config, self._book, seed, cache_dir, progress)
        self._skipped: Sequence[Skipped] = loaded.skipped
        self._items = split_items(loaded.items, train=config.train_examples, test=config.test_examples, seed=seed)
        self._similarity: TextSimilarity = ExactText() if config.similarity == "exact" else BertScore(config.encoder)

    @property
    def policies(self) -> Mapping[str, Policy]:
        return {POLICY_NAME: write_policy(POLICY_NAME, self._book)}

    def examples(self, split: Split) -> Sequence[Example]:
        return self._examples[split]

    def score(self, example: Example, completion: Completion) -> Score:
        """Half for the tool with its version, half for the arguments (paper, GTAPolicy)."""
        answer = read_response(completion.text).answer
        score = score_call(answer, example.answer, kinds=ARGUMENT_KINDS, similarity=self._similarity)
        return Score(
            value=1.0 if score.error == "none" else min(score.overall, 1 - 1e-9),
            extracted=answer,
            outcome=_outcome(score, completion),
            reason=score.reason,
            parts={"tool": score.tool, "argument": score.argument, "overall": score.overall},
            error=_error(score, completion),
        )

    def judge(self, example: Example, completion: Completion) -> Judgement:
        """Against the rules that hold: the update's, where there is one."""
        answer = read_response(completion.text).answer or None
        book = self._updated or self._book
        return judge_rationale(reasoning_of(completion.text), self._item_of[example.id], book, answer)

    def section_ids(self, policy_name: str) -> Sequence[str]:
        """The ids of the calling rules."""
        return self._book.rule_ids

    def recitations(self) -> Sequence[Example]:
        """One request for every tool with versions: the policy's rules on it, in order."""
        return [
            Example(
                id=f"{POLICY_NAME}-rules-{tool.name}",
                policy_name=POLICY_NAME,
                prompt=f"Policy {POLICY_NAME}: which rules decide the version of {tool.name}?",
                images=(),
                answer=" ".join(map(write_rule, self._book.rules_of(tool.name))),
                meta={"sections": tuple(rule.id for rule in self._book.rules_of(tool.name))},
            )
            for tool in self._book.tools
            if tool.versions
        ]

    def override(self) -> GtaTask:
        """The same requests with an update of some rules in them: the policy stays, gold calls follow the update."""
        return self._under(override_rules(self._book, self._seed))

    def edits(self) -> Mapping[str, GtaTask]:
        """Updates of one rule, the one that decides most test requests; of some, as `override` does; of all."""
        one = override_one_rule(self._book, self._seed, self.coverage("test"))
        every = override_every_rule(self._book, self._seed)
        return {"one rule": self._under(one), "some rules": self.override(), "all rules": self._under(every)}

    def wrong_answer(self, example: Example) -> str:
        call = json.loads(example.answer)
        other = next(tool.name for tool in self._book.tools if not call["name"].startswith(tool.name))
        return json.dumps({**call, "name": other})

    @property
    def left_out(self) -> Sequence[str]:
        """Calls that could not be used, and whole dialogs."""
        return [
            f"dialog {skipped.dialog}{'' if skipped.step is None else f', call {skipped.step}'}: {skipped.reason}"
            for skipped in self._skipped
        ]

    def coverage(self, split: Split) -> Mapping[str, int]:
        """How many items of a split each calling rule shapes."""
        return coverage(self._items[split], self._book)

    def _under(self, updated: RuleBook) -> GtaTask:
        """The same requests with an update in them."""
        other = object.__new__(GtaTask)
        other.__dict__.update({key: value for key, value in self.__dict__.items() if key != "_examples"})
        other._updated = updated
        return other

    @cached_property
    def _item_of(self) -> Mapping[str, Item]:
        return {item.id: item for split in SPLITS for item in self._items[split]}

    @cached_property
    def _examples(self) -> Mapping[Split, Sequence[Example]]:
        return {split: tuple(map(self._example, self._items[split])) for split in SPLITS}

    def _example(self, item: Item) -> Example:
        book = self._updated or self._book
        update = None if self._updated is None else write_update(self._book, self._updated)
        return Example(
            id=item.id,
            policy_name=POLICY_NAME,
            prompt=write_request(item, self._book, update),
            images=tuple(item.images.values()),
            answer=write_call(gold_call(item, book)),
            cot=write_rationale(item, book),
            meta={"sections": applied_rules(item, book)},
        )


def _book(config: GtaTaskConfig) -> RuleBook:
    """GTA's tools and rules; or a data set's own tools, with the tips, which hold for any."""
    if isinstance(config.data, GtaDirectory) and config.data.tools == "own":
        return replace(GTA_RULES, tools=read_tools(config.data.path), version_rules=(), math_rule=None)
    return GTA_RULES


def _load(
    config: GtaTaskConfig, book: RuleBook, seed: int, cache_dir: Path, progress: Callable[[int, int], None] | None
) -> LoadReport:
    if isinstance(config.data, GtaDirectory):
        return load_gta_directory(config.data.path, book=book, seed=seed)
    dialogs = (config.train_examples + config.test_examples) // ITEMS_PER_DIALOG + 1
    return LoadReport(items=generate_items(dialogs, seed=seed, cache_dir=cache_dir, progress=progress), skipped=())


def _outcome(score: CallScore, completion: Completion) -> Outcome:
    if score.error == "none":
        return "correct"
    if completion.truncated:
        return "truncated"
    return "no_answer" if score.error == "no_answer" else "wrong"


def _error(score: CallScore, completion: Completion) -> str | None:
    if score.error == "none":
        return None
    if score.error == "no_answer" and completion.truncated:
        return "truncated"
    if score.error == "wrong_argument":
        return f"wrong_argument:{score.wrong_arguments[0]}"
    return score.error
