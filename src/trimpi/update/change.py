"""What an update is asked to take in, read and held against the version it begins at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from trimpi.digest import file_digest
from trimpi.errors import DataError, RunError
from trimpi.policies import Policy, load_policy
from trimpi.policies.outline import Citations, outline
from trimpi.policies.policy import POLICY_FILE
from trimpi.run.data import SPLITS
from trimpi.tasks.custom.folder import PolicyFile
from trimpi.tasks.custom.row_writer import example_row
from trimpi.types import Example, Split
from trimpi.update.difference import PolicyDifference, compare_policies
from trimpi.update.rows import SortedRows, read_examples, sort_rows
from trimpi.update.source import Source

SHOWN_HASH = 12


@dataclass(frozen=True, kw_only=True)
class UpdateRequest:
    """What a new version is made from. `train` and `test` are files of rows given anew; None gives none.

    `answers_stand` keeps the answers of rows that a changed section decides and that are not given. `replay` is how
    many untouched rows are trained on again for each affected one.
    """

    policy: Path
    train: Path | None = None
    test: Path | None = None
    answers_stand: bool = False
    replay: float = 1.0


@dataclass(frozen=True, kw_only=True)
class PolicyChange:
    """The policy that is replaced, what replaces it, and the rows that are given with it."""

    request: UpdateRequest
    source: Source
    old: PolicyFile
    new: PolicyFile
    given: Mapping[Split, tuple[Example, ...]]
    difference: PolicyDifference

    @property
    def policies(self) -> list[Policy]:
        """Those of the new version."""
        return [self.new.policy if read is self.old else read.policy for read in self.source.policies.values()]

    def sorted_rows(self, split: Split) -> SortedRows:
        """The rows of a split under the new version."""
        return sort_rows(
            self.source.rows[split],
            self.given[split],
            policy=self.old.policy.name,
            renamed=self.new.policy.name,
            touched=self.difference.touched,
            sections={section.id for section in self.new.sections},
            answers_stand=self.request.answers_stand,
        )

    def inputs(self) -> dict[str, Any]:
        """What the new version is made of, for comparison: equal where the version would be the same."""
        return {
            "version": self.source.version.number,
            "policy": f"{self.new.policy.name} {self.new.policy.content_hash[:SHOWN_HASH]}",
            **{split: _identity(self.given[split]) for split in SPLITS},
            "answers_stand": self.request.answers_stand,
            "replay": self.request.replay,
        }


def read_change(request: UpdateRequest, source: Source) -> PolicyChange:
    """Raises RunError when the policy is the same, or none of the run's; PolicyError and DataError for a wrong policy
    and wrong rows.
    """
    if not isfinite(request.replay):
        raise RunError(f"--replay is {request.replay}: give how many untouched rows for each affected one")
    new = _read_policy(request.policy)
    old = _replaced(source.policies, new.policy, request.policy)
    difference = compare_policies(old, new)
    if difference.is_none:
        raise RunError(
            f"{request.policy} says what version {source.version.number} was trained on: there is nothing to update"
        )
    read = [new if one is old else one for one in source.policies.values()]
    policies = {one.policy.name: one for one in read}
    given: dict[Split, tuple[Example, ...]] = {
        "train": () if request.train is None else read_examples(request.train, policies),
        "test": () if request.test is None else read_examples(request.test, policies),
    }
    _refuse_rows_of_the_other_split(source, given)
    return PolicyChange(request=request, source=source, old=old, new=new, given=given, difference=difference)


def _read_policy(file: Path) -> PolicyFile:
    policy = load_policy(file)
    text = (file / POLICY_FILE if file.is_dir() else file).read_text(encoding="utf-8")
    sections = outline(policy, text)
    return PolicyFile(file=file, policy=policy, sections=sections, citations=Citations(sections))


def _replaced(policies: Mapping[str, PolicyFile], new: Policy, file: Path) -> PolicyFile:
    """The policy that the new one takes the place of: the only one, or the one of the same name."""
    if len(policies) == 1:
        return next(iter(policies.values()))
    if new.name not in policies:
        raise RunError(f"{file} is named {new.name!r}; the run's policies are {', '.join(policies)}: name it like one")
    return policies[new.name]


def _refuse_rows_of_the_other_split(source: Source, given: Mapping[Split, Sequence[Example]]) -> None:
    for split, other in (SPLITS, SPLITS[::-1]):
        theirs = {example.id for example in (*source.rows[other], *given[other])}
        for example in given[split]:
            if example.id in theirs:
                raise DataError(
                    f"{example.meta['place']}: the id {example.id!r} is a {other} row's: give it with --{other}, or a "
                    "new id"
                )


def _identity(examples: Sequence[Example]) -> str:
    """How many rows, and a hash of what they say, wherever their images lie."""
    rows = [{**example_row(one), "images": list(map(file_digest, one.all_images))} for one in examples]
    return f"{len(rows)} rows {hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:SHOWN_HASH]}"
