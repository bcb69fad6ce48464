"""An update whose run is finished becomes a version: measured, reported, written down, in use."""

from __future__ import annotations

from dataclasses import replace

from trimpi.evaluation.storage import read_json
from trimpi.reporting import write_report
from trimpi.tasks.base import Task
from trimpi.types import Completion
from trimpi.update.preparing import PreparedUpdate
from trimpi.update.results import UpdateResult, measure_update
from trimpi.update.versions import FIRST, Version, VersionHistory


def finish_update(prepared: PreparedUpdate, history: VersionHistory, task: Task) -> UpdateResult:
    """Measure the update, put that into its report, and add it to the versions; `task` is that of its recipe."""
    examples = {example.id: example for example in task.examples("test")}

    def is_right(id: str, text: str, gold: str) -> bool:
        score = task.score(replace(examples[id], answer=gold), Completion(text=text, token_ids=()))
        return score.outcome == "correct"

    result = measure_update(prepared, is_right, first_seconds=history.get(FIRST).seconds)
    write_report(prepared.folder.run.path)
    manifest = read_json(prepared.folder.run.manifest)
    history.add(
        Version(
            number=prepared.number,
            parent=int(prepared.plan["parent"]),
            run=str(prepared.folder.run.path.relative_to(history.root)),
            model=f"stages/{manifest['stages'][-1]['name']}",
            policies=manifest["policies"],
            finished=manifest["finished"],
            seconds=result.seconds,
            results={group.name: group.after for group in result.groups},
        )
    )
    return result
