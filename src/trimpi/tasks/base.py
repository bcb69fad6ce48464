"""What a task is, and the check it passes before anyone trains on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from trimpi.errors import DataError
from trimpi.policies import Policy
from trimpi.rewards.response import write_response
from trimpi.tasks.findings import Finding, repeated_requests
from trimpi.tasks.reciting import score_recited
from trimpi.types import Completion, Example, Judgement, Score, Split


class Task(ABC):
    """Policies, the requests made under them, and how an answer is scored: a plug-in (tasks/registry.py)."""

    @property
    @abstractmethod
    def policies(self) -> Mapping[str, Policy]:
        """Every policy by its name."""

    @abstractmethod
    def examples(self, split: Split) -> Sequence[Example]:
        """The requests of a split, in a fixed order; every policy is mixed in."""

    @abstractmethod
    def score(self, example: Example, completion: Completion) -> Score:
        """How well a completion answers an example: value in [0, 1]. The accuracy reward and the metric."""

    @abstractmethod
    def override(self) -> Task:
        """The same requests under updated policies of the same names, gold answers to match (paper, Override)."""

    def edits(self) -> Mapping[str, Task]:
        """Updates by the size of what they change, smallest first: each a task as `override` gives one.

        Request for request they are this task's, ids included. An update that is not in a task's policies stands in its
        requests.
        """
        return {"everything": self.override()}

    def unseen(self) -> Task | None:
        """The same requests, one by one, under fresh policies of other names that no model was trained on.

        None where a task has no such policies.
        """
        return None

    def unnamed(self, example: Example) -> Example | None:
        """A request worded without the name of its policy; None where a task cannot."""
        return None

    @abstractmethod
    def wrong_answer(self, example: Example) -> str:
        """An answer of the right form that is not the gold one; `validate` checks that it does not score."""

    def policy_of(self, example: Example) -> Policy:
        return self.policies[example.policy_name]

    @property
    def left_out(self) -> Sequence[str]:
        """What of the source is in neither split, a line each with the reason."""
        return ()

    def coverage(self, split: Split) -> Mapping[str, int]:
        """How many examples of a split each section or rule of the policies decides; empty where a task cannot say."""
        return {}

    def place(self, example: Example) -> str:
        """Where an example stands: file and line, or its id where rows are in no file."""
        return example.id

    def policy_place(self, policy_name: str, text: str) -> str:
        """Where a text stands in a policy: file and line, or the policy's name where policies are in no file."""
        return f"policy {policy_name}"

    def findings(self) -> Sequence[Finding]:
        """What is doubtful in policies and examples, beyond what `validate` refuses."""
        return repeated_requests(self.examples("train"), self.examples("test"), self.place)

    def gold_faults(self) -> Sequence[Finding]:
        """Every example that `validate` would refuse, not only the first."""
        examples = [*self.examples("train"), *self.examples("test")]
        return [fault for fault in map(self._fault_of, examples) if fault is not None]

    def judge(self, example: Example, completion: Completion) -> Judgement | None:
        """The reasoning of a completion held against the policy and the image; None where a task cannot judge."""
        return None

    def section_ids(self, policy_name: str) -> Sequence[str]:
        """The ids of a policy's sections that reasoning may cite, in its order; empty where a task has none."""
        return ()

    def recitations(self) -> Sequence[Example]:
        """Requests that ask what a section of a policy says, with the gold answer; they have no image."""
        return ()

    def score_recitation(self, example: Example, completion: Completion) -> Score:
        """How well a completion answers one of `recitations`: value in [0, 1]. A recitation need not be boxed."""
        return score_recited(completion, example.answer)

    def validate(self) -> None:
        """Every gold answer scores 1, a wrong one less, ids are unique, no request is in both splits.

        Where the task can judge reasoning, every gold chain of thought is without a wrong step.

        Raises DataError naming the first offending example.
        """
        seen: dict[str, Split] = {}
        splits: tuple[Split, ...] = ("train", "test")
        for split in splits:
            examples = self.examples(split)
            if not examples:
                raise DataError(f"the {split} split has no examples")
            for example in examples:
                if example.id in seen:
                    raise DataError(f"example id {example.id!r} appears in {seen[example.id]} and again in {split}")
                seen[example.id] = split
                fault = self._fault_of(example)
                if fault is not None:
                    at_line = "" if fault.place == example.id else f"{fault.place}: "
                    raise DataError(at_line + fault.message)

    def _fault_of(self, example: Example) -> Finding | None:
        """What `validate` refuses about one example."""
        try:
            self._validate_example(example)
        except DataError as error:
            return Finding(place=self.place(example), message=str(error))
        return None

    def _validate_example(self, example: Example) -> None:
        if example.policy_name not in self.policies:
            known = ", ".join(sorted(self.policies))
            raise DataError(f"example {example.id!r} names the policy {example.policy_name!r}; there are {known}")
        completion = _completion(write_response(example.cot or "", example.answer))
        gold = self.score(example, completion)
        if gold.value != 1.0:
            raise DataError(
                f"example {example.id!r}: its gold answer {example.answer!r} scores {gold.value}, not 1: {gold.reason}"
            )
        judgement = None if example.cot is None else self.judge(example, completion)
        if judgement is not None and judgement.first_wrong is not None:
            step = judgement.steps[judgement.first_wrong]
            raise DataError(f"example {example.id!r}: its gold chain of thought says {step.text!r}, but {step.why}")
        wrong = self.wrong_answer(example)
        if self.score(example, _completion(write_response("", wrong))).value >= 1.0:
            raise DataError(
                f"example {example.id!r}: the wrong answer {wrong!r} scores as well as the gold {example.answer!r}"
            )


def _completion(text: str) -> Completion:
    return Completion(text=text, token_ids=())
