"""Where everything of a sweep lies, and how far each of its jobs is. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trimpi.errors import RunError
from trimpi.evaluation.storage import read_json, write_atomically
from trimpi.recipe import SweepJob
from trimpi.run.directory import RunDirectory
from trimpi.sweep.locks import is_held

State = Literal["finished", "running", "failed", "begun", "waiting"]
JOBS = "jobs"


@dataclass(frozen=True, slots=True)
class SweepDirectory:
    """The paths of a sweep: `jobs/NAME.json` is a job's place in the grid and how it went, `runs/NAME` its run."""

    path: Path

    @property
    def sweep(self) -> Path:
        return self.path / "sweep.yaml"

    @property
    def shared(self) -> Path:
        return self.path / "shared"

    @property
    def jobs(self) -> Path:
        return self.path / JOBS

    def job(self, name: str) -> Path:
        return self.jobs / f"{name}.json"

    def lock(self, name: str) -> Path:
        return self.jobs / f".{name}.lock"

    def run(self, name: str) -> RunDirectory:
        return RunDirectory(self.path / "runs" / name)

    def claim(self, name: str, text: str) -> None:
        """Make the folder this sweep's and write down what it is now. Raises RunError when it is something else's."""
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path} cannot be a sweep's folder: it is a file")
        # Listed before the look for sweep.yaml, a sweep's first file. A hidden one may be one that another process is
        # writing it.
        names = sorted(entry.name for entry in self.path.iterdir()) if self.path.is_dir() else []
        foreign = [name for name in names if not name.startswith(".")]
        if foreign and not self.sweep.is_file():
            raise RunError(f"{self.path} is not the folder of a sweep (it holds {foreign[0]}): choose a new --out")
        write_atomically(self.sweep, f"# The sweep {name} as it was last started.\n{text}")

    def record(self, job: SweepJob, *, error: str | None = None, details: str = "") -> None:
        """Write down a job's place in the grid, and how it failed if it did."""
        place: dict[str, Any] = {
            "number": job.number,
            "name": job.name,
            "method": job.method,
            "point": job.point,
            "seed": job.seed,
        }
        failure = {} if error is None else {"error": error, "details": details}
        write_atomically(self.job(job.name), json.dumps({**place, **failure}, indent=2, ensure_ascii=False) + "\n")

    def error(self, name: str) -> str | None:
        """Why a job failed when it was last tried."""
        return self._recorded(name).get("error")

    def state(self, name: str) -> State:
        run = self.run(name)
        if is_finished(run):
            return "finished"
        if is_held(self.lock(name)):
            return "running"
        if self.error(name) is not None:
            return "failed"
        return "begun" if run.manifest.is_file() else "waiting"

    def _recorded(self, name: str) -> Mapping[str, Any]:
        path = self.job(name)
        return read_json(path) if path.is_file() else {}


def is_finished(run: RunDirectory) -> bool:
    """Whether a run is at its end, with its report written."""
    if not run.manifest.is_file() or not (run.path / "report.html").is_file():
        return False
    return read_json(run.manifest).get("finished") is not None
