"""Results on disk: runs/bench/NAME.json, with everything they depend on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.rows import Row
from trimpi.errors import DataError
from trimpi.evaluation.storage import write_atomically
from trimpi.models.loading import default_device
from trimpi.run.environment import describe_environment

FOLDER = Path("runs/bench")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A benchmark's rows with where they come from. `quick` says that its small sizes were run."""

    name: str
    title: str
    reads: str
    model: str
    quick: bool
    seconds: float
    sizes: Mapping[str, Any]
    machine: Mapping[str, Any]
    rows: Sequence[Row]


def describe_machine() -> dict[str, Any]:
    """Processor, threads, device and versions."""
    device = default_device()
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        **describe_environment(),
    }


def save(result: Result, folder: Path) -> Path:
    """Write the result as `folder/NAME.json`."""
    path = folder / f"{result.name}.json"
    write_atomically(path, json.dumps(asdict(result), indent=2) + "\n")
    return path


def load(name: str, folder: Path) -> Result | None:
    """The last result of a benchmark, None where there is none. Raises DataError for a file that is not one."""
    path = folder / f"{name}.json"
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text())
        return Result(**{**data, "rows": [Row(**row) for row in data["rows"]]})
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path} is not a benchmark's result ({error}): remove it, or run python -m benchmarks {name} again"
        ) from None


def _processor() -> str:
    """The processor's name where Linux says it, else the architecture."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
