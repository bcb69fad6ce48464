from __future__ import annotations

import json
from pathlib import Path

from trimpi.evaluation.results import ExampleRecord
from trimpi.evaluation.storage import to_jsonl, write_atomically
from trimpi.update.folder import VersionFolder
from trimpi.update.preparing import PreparedUpdate
from trimpi.update.results import measure_update


def record(id: str, answer: str, gold: str) -> dict[str, object]:
    made = ExampleRecord(
        id=id,
        policy="Desk",
        prompt_id=id,
        prompt_tokens=3,
        request=f"{id}?",
        completion=answer,
        extracted=answer,
        value=float(answer == gold),
        outcome="correct" if answer == gold else "wrong",
        reason="",
        gold=gold,
        images=(),
    )
    return {name: getattr(made, name) for name in ExampleRecord.__dataclass_fields__}


GOLDS = {"a": "up", "b": "up", "c": "left", "d": "right", "e": "right", "f": "right"}


def write_suite(folder: VersionFolder, stage: str, suite: str, answers: str) -> None:
    rows = [record(id, answer, GOLDS[id]) for id, answer in zip(GOLDS, answers.split(), strict=True)]
    write_atomically(folder.run.evaluation(stage) / f"{suite}.jsonl", to_jsonl(rows))


def test_the_groups_of_an_update(tmp_path: Path) -> None:
    """a and b were left and are up, c is confirmed; d, e and f are decided by no section that changed."""
    folder = VersionFolder(tmp_path / "02")
    write_suite(folder, "00-base", "accuracy", "left left left right right up")
    write_suite(folder, "00-base", "in_context", "up left left up up up")
    write_suite(folder, "01-cot_sft", "accuracy", "up left left right left up")
    # Killed after 6 of 10 steps: the 4 others took 5 seconds.
    stages = [{"name": "01-cot_sft", "seconds": 5.0, "steps": 10, "resumed_from": 6}]
    write_atomically(folder.run.manifest, json.dumps({"stages": stages}))
    plan = {
        "rows": {"test": {"changed": ["a", "b"], "confirmed": ["c"], "untouched": ["d", "e", "f"], "unanswered": []}},
        "old_answers": {"a": "left", "b": "left", "c": "left"},
    }
    result = measure_update(
        PreparedUpdate(number=2, folder=folder, plan=plan),
        lambda id, text, gold: text == gold,
        first_seconds=50.0,
    )
    found = {group.name: (group.before, group.in_context, group.after, group.p) for group in result.groups}
    assert found == {
        "affected": ((1, 3), (2, 3), (2, 3), 1.0),
        "untouched": ((2, 3), (0, 3), (1, 3), 1.0),
        "old answers": ((2, 2), (1, 2), (1, 2), 1.0),
    }
    assert (result.seconds, result.first_seconds) == (12.5, 50.0)
    assert json.loads(folder.results.read_text())["groups"][0]["after"] == [2, 3]
