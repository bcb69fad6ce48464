from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synth.desk import source
from trimpi.errors import DataError
from trimpi.recipe import CustomTaskConfig
from trimpi.synth.accepting import accept
from trimpi.synth.review import ReviewFile, ReviewRecord
from trimpi.tasks.custom.task import CustomTask


def record(status: str, id: str, **row: Any) -> ReviewRecord:
    given = {"id": id, "policy": "Desk", "prompt": f"{id}?", "images": [], "answer": "pay", "cot": "Small sums.", **row}
    return ReviewRecord.model_validate(
        {"status": status, "why": "", "policy": "Desk", "section": "Small sums", "batch": 1, "row": given}
    )


def statuses(desk: CustomTaskConfig) -> list[str]:
    return [one.status for _, one in ReviewFile(desk.path).placed()]


def test_accepted_requests_become_rows_once(tmp_path: Path) -> None:
    desk = source(tmp_path / "desk")
    train = desk.path / "train.jsonl"
    before = train.read_bytes().rstrip(b"\n")
    train.write_bytes(before)
    review = ReviewFile(desk.path)
    review.write([record("accepted", "s1"), record("pending", "s2"), record("rejected", "s3")])
    held = review.path.read_bytes()
    assert accept(CustomTask(desk), desk, pending=False) == 1
    assert train.read_bytes().startswith(before + b"\n")
    assert CustomTask(desk).coverage("train") == {"Small sums": 2, "Large sums": 1}
    assert statuses(desk) == ["used", "pending", "rejected"]

    review.path.write_bytes(held)  # as if killed between the two files
    assert accept(CustomTask(desk), desk, pending=True) == 1
    ids = [json.loads(line)["id"] for line in train.read_text().splitlines()]
    assert ids == ["t1", "t2", "s1", "s2"]
    assert statuses(desk) == ["used", "used", "rejected"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"answer": "maybe"}, "none by the reward"),
        ({"images": ["../../secret.png"]}, "outside"),
        ({"id": "e1"}, "is there already"),
        ({"extra": 1}, "unknown key"),
    ],
)
def test_a_row_that_was_made_wrong_is_named_and_nothing_is_added(
    wrong: dict[str, Any], says: str, tmp_path: Path
) -> None:
    desk = source(tmp_path / "desk")
    before = (desk.path / "train.jsonl").read_bytes()
    ReviewFile(desk.path).write([record("accepted", "s1"), record("accepted", **{"id": "s2", **wrong})])
    with pytest.raises(DataError, match=rf"review.jsonl:2.*{says}"):
        accept(CustomTask(desk), desk, pending=False)
    assert (desk.path / "train.jsonl").read_bytes() == before


def test_a_status_that_is_none_is_named(tmp_path: Path) -> None:
    desk = source(tmp_path / "desk")
    file = ReviewFile(desk.path).path
    ReviewFile(desk.path).write([record("accepted", "s1")])
    file.write_text(file.read_text().replace("accepted", "yes"))
    with pytest.raises(DataError, match=r"review.jsonl:1: status"):
        accept(CustomTask(desk), desk, pending=False)
