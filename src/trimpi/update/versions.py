"""The versions of an internalized policy, and which one is in use. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trimpi.errors import RunError
from trimpi.evaluation.break_even_report import training_seconds
from trimpi.evaluation.storage import read_json, write_atomically
from trimpi.run.directory import UPDATE_FILE, VERSIONS_FILE, RunDirectory

VERSIONS = "versions"
FIRST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """`run` and `model` are paths from the first version's run directory; `policies` are content hashes by name.

    `parent` is the version whose model was trained on. `seconds` is how long the stages took, `results` what was
    measured: names of groups of requests, and of them [right, asked] without the policy in the prompt.
    """

    number: int
    parent: int | None
    run: str
    model: str
    policies: Mapping[str, str]
    finished: str
    seconds: float
    results: Mapping[str, tuple[int, int]]


class VersionHistory:
    """Every version of a run directory. The run is the first; updates lie in its folder `versions`, by number."""

    def __init__(self, root: Path) -> None:
        """Raises RunError for what is no finished run with stages."""
        self.root = root
        self._file = root / VERSIONS_FILE
        self._first = _first_version(root)

    @property
    def versions(self) -> list[Version]:
        return [self._first, *self._updates()]

    @property
    def current(self) -> Version:
        return self.get(self._recorded().get("current", FIRST))

    def get(self, number: int) -> Version:
        """Raises RunError for a number that no version has."""
        for version in self.versions:
            if version.number == number:
                return version
        known = ", ".join(str(version.number) for version in self.versions)
        raise RunError(f"{self.root} has no version {number}; it has {known}")

    def folder(self, number: int) -> Path:
        """Where an update lies."""
        return self.root / VERSIONS / f"{number:02d}"

    def model(self, version: Version) -> Path:
        """The folder of a version's model."""
        return self.root / version.run / version.model

    @property
    def next_number(self) -> int:
        return self.versions[-1].number + 1

    def add(self, version: Version) -> None:
        """Keep a version, and use it from now on."""
        self._write([*self._updates(), version], current=version.number)

    def use(self, number: int) -> Version:
        """Use another version from now on; all of them stay. Raises RunError for one that there is not."""
        version = self.get(number)
        self._write(self._updates(), current=number)
        return version

    def _recorded(self) -> dict[str, Any]:
        return read_json(self._file) if self._file.is_file() else {}

    def _updates(self) -> list[Version]:
        return [Version(**entry) for entry in self._recorded().get("updates", ())]

    def _write(self, updates: list[Version], *, current: int) -> None:
        data = {"current": current, "updates": [asdict(version) for version in updates]}
        write_atomically(self._file, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def version_in_use(run: Path) -> RunDirectory:
    """The run directory of the version in use: of a run that was never updated, its own."""
    file = run / VERSIONS_FILE
    if not file.is_file():
        return RunDirectory(run)
    history = VersionHistory(run)
    return RunDirectory(run / history.current.run)


def trained_seconds(stages: Iterable[Mapping[str, Any]]) -> float:
    """How long a manifest's stages trained, over all attempts."""
    return sum(training_seconds(stage) or 0.0 for stage in stages)


def _first_version(root: Path) -> Version:
    run = RunDirectory(root)
    folder = root.resolve().parent
    if folder.parent.name == VERSIONS and (folder / UPDATE_FILE).is_file():
        raise RunError(f"{root} is version {folder.name} of {folder.parent.parent}: give that run")
    if not run.manifest.is_file():
        raise RunError(f"{root} is not a run directory: give one that `trimpi run` has finished")
    manifest = read_json(run.manifest)
    if manifest["finished"] is None or not manifest["stages"]:
        raise RunError(f"the run in {root} is not finished, or has no stages: go on with `trimpi run`")
    last = manifest["stages"][-1]["name"]
    return Version(
        number=FIRST,
        parent=None,
        run=".",
        model=f"stages/{last}",
        policies=manifest["policies"],
        finished=manifest["finished"],
        seconds=trained_seconds(manifest["stages"]),
        results=_accuracy(run, last),
    )


def _accuracy(run: RunDirectory, stage: str) -> dict[str, tuple[int, int]]:
    file = run.evaluation(stage) / "accuracy.json"
    if not file.is_file():
        return {}
    result = read_json(file)
    return {"all": (result["correct"], result["n"])}
