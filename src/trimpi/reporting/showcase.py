"""Which requests the page shows, and what the model said to them before and after."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trimpi.evaluation.results import ExampleRecord
from trimpi.reporting.in_turns import in_turns
from trimpi.reporting.pictures import Pictures
from trimpi.reporting.run_directory import RunRecord
from trimpi.rewards.response import read_response
from trimpi.types import Outcome

SHOWN = 10
# Gained, still right, lost, still wrong: a page that shows successes only would tell nothing.
ORDER = ((False, True), (True, True), (True, False), (False, False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model said to a request. Without recognisable reasoning, `reasoning` is the whole completion."""

    reasoning: str
    answer: str | None
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image of a request; `data_uri` and its `number` among the page's pictures are None when the file is gone."""

    name: str
    data_uri: str | None
    number: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRequest:
    """A request with its gold answer, and the replies before and after training, where there are any."""

    id: str
    policy: str
    prompt: str | None
    pictures: Sequence[Picture]
    gold: str
    before: Reply | None
    after: Reply | None


def shown_requests(run: RunRecord, pictures: Pictures) -> list[ShownRequest]:
    """Up to ten requests asked without the policy, with the base model's and the latest model's replies."""
    before = {record.id: record for record in run.base.policy_free_records} if run.base else {}
    after = {record.id: record for record in run.latest.policy_free_records} if run.latest else {}
    return [
        _shown(run, pictures, before.get(example_id), after.get(example_id))
        for example_id in choose(list((after or before).values()), before=before, after=after)
    ]


def choose(
    records: Sequence[ExampleRecord],
    *,
    before: dict[str, ExampleRecord],
    after: dict[str, ExampleRecord],
    number: int = SHOWN,
) -> list[str]:
    """Example ids: taken in turns from gained, still right, lost and still wrong, within each by a hash of the id."""
    groups: dict[tuple[bool, bool], list[str]] = defaultdict(list)
    for record in sorted(records, key=lambda record: hashlib.sha256(record.id.encode()).digest()):
        groups[(_is_correct(before.get(record.id)), _is_correct(after.get(record.id)))].append(record.id)
    return list(in_turns([groups[key] for key in ORDER]))[:number]


def _is_correct(record: ExampleRecord | None) -> bool:
    return record is not None and record.outcome == "correct"


def _shown(
    run: RunRecord, pictures: Pictures, before: ExampleRecord | None, after: ExampleRecord | None
) -> ShownRequest:
    record = after or before
    assert record is not None  # its id was chosen from one of the two
    return ShownRequest(
        id=record.id,
        policy=record.policy,
        prompt=run.requests.get(record.id),
        pictures=[_picture(image, pictures) for image in record.images],
        gold=record.gold,
        before=_reply(before),
        after=_reply(after),
    )


def _picture(image: str, pictures: Pictures) -> Picture:
    number = pictures.number(image)
    return Picture(name=Path(image).name, data_uri=None if number is None else pictures.uri(number), number=number)


def _reply(record: ExampleRecord | None) -> Reply | None:
    if record is None:
        return None
    reasoning = read_response(record.completion).reasoning
    return Reply(
        reasoning=record.completion if reasoning is None else reasoning,
        answer=record.extracted,
        outcome=record.outcome,
        reason=record.reason,
    )
