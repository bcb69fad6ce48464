"""The manifests: what was run, from what, with what, for how long."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trimpi.errors import RunError
from trimpi.evaluation.storage import read_json, write_atomically
from trimpi.recipe import Recipe, StageConfig
from trimpi.run.data import SPLITS, fingerprint
from trimpi.run.directory import RunDirectory
from trimpi.run.environment import describe_environment
from trimpi.stages.context import StageResult
from trimpi.tasks.base import Task


def open_manifest(run: RunDirectory, recipe: Recipe, task: Task, *, base_model: Path, processes: int) -> None:
    """Begin the manifest, or record that the run goes on. Raises RunError when the data are not those it began with."""
    data: dict[str, Any] = {"fingerprint": fingerprint(task), **{split: len(task.examples(split)) for split in SPLITS}}
    if run.manifest.is_file():
        manifest = read_json(run.manifest)
        if manifest["data"] != data:
            raise RunError(
                f"the recipe of {run.path} no longer makes the data it was begun with (fingerprint "
                f"{manifest['data']['fingerprint'][:12]} then, {data['fingerprint'][:12]} now): "
                f"rows, scenes or trimpi have changed; to start afresh, {run.start_afresh}"
            )
    else:
        manifest = {
            "name": recipe.name,
            "seed": recipe.seed,
            "task": recipe.task.type,
            "model": {"path": recipe.model.path, "resolved": str(base_model)},
            "policies": {name: policy.content_hash for name, policy in task.policies.items()},
            "data": data,
            "processes": processes,
            "sessions": [],
            "stages": [],
            "evaluations": {},
            "finished": None,
        }
    if manifest["finished"] is None:
        manifest["sessions"].append({"started": _now(), "environment": describe_environment()})
        _write(run.manifest, manifest)


def write_stage_manifest(
    run: RunDirectory, name: str, *, config: StageConfig, parent: str, seed: int, processes: int, result: StageResult
) -> None:
    """Say that a stage is complete: the last thing written into its folder."""
    manifest = {
        "name": name,
        "type": config.type,
        "status": "complete",
        "parent": parent,
        "seed": seed,
        "processes": processes,
        "finished": _now(),
        **asdict(result),
        "config": config.model_dump(mode="json"),
    }
    _write(run.stage_manifest(name), manifest)


def stage_is_complete(run: RunDirectory, name: str) -> bool:
    path = run.stage_manifest(name)
    return path.is_file() and read_json(path).get("status") == "complete"


def refuse_other_processes(run: RunDirectory, processes: int) -> None:
    """The split of data over processes is part of the numbers, so a run goes on with as many as it began with."""
    recorded = read_json(run.manifest)["processes"]
    if recorded != processes:
        raise RunError(
            f"{run.path} was begun with {recorded} processes and has stages left, but {processes} are running: "
            f"start as many as before, or, to start afresh, {run.start_afresh}"
        )


def record_progress(run: RunDirectory, names: list[str], *, finished: bool = False) -> None:
    """Bring the run's manifest up to date with its complete stages and its finished evaluations."""
    manifest = read_json(run.manifest)
    complete = [read_json(run.stage_manifest(name)) for name in names if stage_is_complete(run, name)]
    manifest["stages"] = [{key: value for key, value in stage.items() if key != "config"} for stage in complete]
    folders = sorted((run.path / "eval").glob("*/"))
    manifest["evaluations"] = {folder.name: sorted(path.stem for path in folder.glob("*.json")) for folder in folders}
    if finished and manifest["finished"] is None:
        manifest["finished"] = _now()
    _write(run.manifest, manifest)


def _write(path: Path, manifest: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
