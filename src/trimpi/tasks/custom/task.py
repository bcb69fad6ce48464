"""A user's own policy as a task: everything from a folder, rewards from the recipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from trimpi.errors import DataError
from trimpi.policies import Policy
from trimpi.recipe import CustomTaskConfig
from trimpi.recipe.rewards import JudgeReward
from trimpi.rewards.grade import Grade, score_answer
from trimpi.rewards.response import write_response
from trimpi.tasks.base import Task
from trimpi.tasks.custom.examples import example_of
from trimpi.tasks.custom.findings import policy_findings
from trimpi.tasks.custom.folder import read_policies
from trimpi.tasks.custom.judge import Judge
from trimpi.tasks.custom.places import inside
from trimpi.tasks.custom.rewards import build_grader
from trimpi.tasks.custom.row_reader import Row, read_row, read_rows
from trimpi.tasks.findings import Finding
from trimpi.types import Completion, Example, Score, Split

SPLITS: tuple[Split, ...] = ("train", "test")
NO_ANSWER_OF_ANY = "(none of the answers)"
"""A wrong answer where no other row's is one."""


class CustomTask(Task):
    """The task of a recipe. `judge` asks a model, for the reward of that name.

    Raises PolicyError and DataError, with file and line, for anything wrong in the folder, and RecipeError for a reward
    that cannot be.
    """

    def __init__(self, config: CustomTaskConfig, *, judge: Judge | None = None) -> None:
        self._config = config
        self.files = read_policies(config.path)
        self._rows: dict[Split, tuple[Row, ...]] = {
            "train": read_rows(inside(config.path, config.train, what="task.train"), config.path),
            "test": read_rows(inside(config.path, config.test, what="task.test"), config.path),
        }
        self._refuse_repeated_ids()
        self._examples: Mapping[Split, Sequence[Example]] = {
            split: tuple(example_of(row, self.files) for row in self._rows[split]) for split in SPLITS
        }
        golds = [example.answer for example in self._examples["train"]]
        self._grade = build_grader(config.reward, folder=config.path, policies=self.policies, golds=golds, judge=judge)

    @cached_property
    def policies(self) -> Mapping[str, Policy]:
        return {name: read.policy for name, read in self.files.items()}

    def examples(self, split: Split) -> Sequence[Example]:
        return self._examples[split]

    def score(self, example: Example, completion: Completion) -> Score:
        def grade(answer: str, gold: str) -> Grade:
            return self._grade(answer, example)

        return score_answer(completion, example.answer, grade)

    def override(self) -> Task:
        """Raises DataError: how the gold answers change with a policy is not known."""
        raise DataError(
            "a task of your own has no updated policy to follow, and nothing says how its gold answers would change: "
            "take override out of evaluation.suites"
        )

    def wrong_answer(self, example: Example) -> str:
        """The gold answer of another row that does not score here."""
        others = (answer for answer in self._golds if answer != example.answer)
        return next((answer for answer in others if self._worth(example, answer) < 1), NO_ANSWER_OF_ANY)

    def coverage(self, split: Split) -> Mapping[str, int]:
        """By section: rows that name it, or whose reasoning cites it. Sections of several policies have its name."""
        counts: Counter[str] = Counter()
        for example in self._examples[split]:
            counts.update(self._label(example.policy_name, section) for section in example.meta["sections"])
        return {
            label: counts[label]
            for name, read in self.files.items()
            for label in dict.fromkeys(self._label(name, section.id) for section in read.sections)
        }

    def section_ids(self, policy_name: str) -> Sequence[str]:
        return [section.id for section in self.files[policy_name].sections]

    def recitations(self) -> Sequence[Example]:
        """One request for every section with a heading."""
        return [
            Example(
                id=f"{name}-section-{number:02d}",
                policy_name=name,
                prompt=f"Policy {name}: what does the section {section.title} say?",
                images=(),
                answer=section.text.partition("\n")[2].strip(),
                meta={"sections": (section.id,)},
            )
            for name, read in self.files.items()
            for number, section in enumerate(read.sections, start=1)
            if section.title and section.text.partition("\n")[2].strip()
        ]

    def read_example(self, data: dict[str, Any], *, place: str) -> Example:
        """An example from a row that is in neither file. Raises DataError, which begins with `place`."""
        return example_of(read_row(data, place=place, folder=self._config.path), self.files)

    def place(self, example: Example) -> str:
        """The file and line of an example."""
        return str(example.meta["place"])

    def policy_place(self, policy_name: str, text: str) -> str:
        """The file and the line where the text first stands."""
        file = self.files[policy_name].file
        line = file.read_text(encoding="utf-8").partition(text)[0].count("\n") + 1
        return f"{file}:{line}"

    def findings(self) -> Sequence[Finding]:
        """What is doubtful in policies and rows, and sections that no row exercises."""
        of_policies = [found for read in self.files.values() for found in policy_findings(read)]
        return [*of_policies, *super().findings(), *self._unexercised()]

    def _validate_example(self, example: Example) -> None:
        if not isinstance(self._config.reward, JudgeReward):  # asking a judge about wrong answers would have to be paid
            super()._validate_example(example)

    def _unexercised(self) -> Iterator[Finding]:
        """Sections with a heading that no row of a split names or cites, where any does."""
        counts = {split: self.coverage(split) for split in SPLITS}
        for name, read in self.files.items():
            labels = [(section, self._label(name, section.id)) for section in read.sections if section.title]
            if labels and not any(counts[split][label] for split in SPLITS for _, label in labels):
                yield Finding(
                    place=str(read.file),
                    message="no row says which sections decide it, so nobody knows which are exercised: cite headings "
                    'in cot, or give rows "sections": ["..."]',
                )
                continue
            for section, label in labels:
                missing = [split for split in SPLITS if not counts[split][label]]
                if missing:
                    yield Finding(
                        place=f"{read.file}:{section.line}",
                        message=f"no {' and no '.join(missing)} row exercises the section {section.title!r}",
                    )

    def _worth(self, example: Example, answer: str) -> float:
        return self.score(example, Completion(text=write_response("", answer), token_ids=())).value

    @cached_property
    def _golds(self) -> Sequence[str]:
        return tuple(dict.fromkeys(example.answer for split in SPLITS for example in self._examples[split]))

    def _label(self, policy_name: str, section: str) -> str:
        return section if len(self.files) == 1 else f"{policy_name}: {section}"

    def _refuse_repeated_ids(self) -> None:
        seen: dict[str, str] = {}
        for row in (row for split in SPLITS for row in self._rows[split]):
            if row.id in seen:
                raise DataError(f"{row.place}: the id {row.id!r} is already in {seen[row.id]}: give each row its own")
            seen[row.id] = row.place
