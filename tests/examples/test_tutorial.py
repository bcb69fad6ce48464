"""Every command of docs/tutorial.md, in order, in one shell; short here, as written with TRIMPI_TUTORIAL=full."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from trimpi.interval import wilson_interval

ROOT = Path(__file__).parents[2]
FULL = os.environ.get("TRIMPI_TUTORIAL") == "full"
PORT = "8123"
SHORT_EVALUATION = (
    "evaluation.examples=4 evaluation.max_new_tokens=8 evaluation.efficiency.examples=1 "
    "evaluation.efficiency.repeats=1 evaluation.efficiency.new_tokens=2 evaluation.efficiency.query_lengths=[] "
    "evaluation.efficiency.batch=2"
)
SHORT = {
    "trimpi run ": f" stages.0.epochs=0.2 stages.1.epochs=0.2 stages.2.steps=1 {SHORT_EVALUATION}",
    "trimpi update ": " stages.0.epochs=0.4 stages.1.epochs=0.4",
}


def commands() -> list[str]:
    text = (ROOT / "docs" / "tutorial.md").read_text()
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


def shortened(command: str) -> str:
    return command + "".join(more for begin, more in SHORT.items() if command.startswith(begin))


def free_port() -> str:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return str(listening.getsockname()[1])


@pytest.mark.slow
def test_the_tutorial_runs_as_written(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    port = PORT if FULL else free_port()
    script = [line if FULL else shortened(line).replace(PORT, port) for line in commands()]
    done = subprocess.run(
        ["bash", "-eu", "-m", "-c", "\n".join(f"echo '$ {line}'\n{line}" for line in script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.DEVNULL,
        text=True,
        stdout=None if FULL else subprocess.PIPE,
        stderr=None if FULL else subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    run = tmp_path / "runs" / "desk"
    assert (run / "report.html").is_file()
    assert json.loads((run / "versions.json").read_text())["current"] == 2
    assert (tmp_path / "desk-model" / "README.md").is_file()
    if FULL:
        check_figures(run)
    else:
        assert "boxed" in done.stdout or "<think>" in done.stdout  # what the served model said


def check_figures(run: Path) -> None:
    """What the tutorial says of the trained models."""
    prompted = accuracy(run / "eval" / "00-base" / "in_context.json")
    internalized = accuracy(run / "eval" / "03-rl" / "accuracy.json")
    assert wilson_interval(*internalized)[0] > wilson_interval(*prompted)[1]
    results = json.loads((run / "versions" / "02" / "results.json").read_text())
    groups = {group["name"]: group for group in results["groups"]}
    assert groups["affected"]["after"][0] > groups["affected"]["before"][0]
    low, high = wilson_interval(*groups["untouched"]["before"])
    right, n = groups["untouched"]["after"]
    assert low <= right / n <= high
    assert results["seconds"] <= results["first_seconds"] / 3


def accuracy(file: Path) -> tuple[int, int]:
    result = json.loads(file.read_text())
    return result["correct"], result["n"]
