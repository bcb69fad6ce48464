"""`trimpi sweep` with real stages on a tiny model: its runs are those that `trimpi run` makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from e2e.cli_runs import RL, SUPERVISED, Workshop, evaluations, open_workshop, untimed_bytes
from trimpi.cli import app

pytestmark = pytest.mark.slow
METHODS = {
    "sft": ["cot_sft"],
    "poro": ["cot_sft", {**RL, "steps": 1}],
}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return open_workshop(tmp_path_factory.mktemp("sweep"))


def command(workshop: Workshop, *arguments: str | Path) -> str:
    done = CliRunner().invoke(app, list(map(str, arguments)), env={"TRIMPI_CACHE": str(workshop.cache)})
    assert done.exit_code == 0, done.output
    return done.output


def write_sweep(workshop: Workshop) -> Path:
    workshop.write_recipe("base", stages=[{"type": "cot_sft", **SUPERVISED}], suites=["accuracy"])
    file = workshop.folder / "sweep.yaml"
    file.write_text(yaml.safe_dump({"name": "tiny", "base": "base.yaml", "methods": METHODS, "seeds": [3, 4]}))
    return file


def test_every_run_of_a_sweep_equals_the_run_alone(workshop: Workshop) -> None:
    file, out = write_sweep(workshop), workshop.folder / "sweep"
    command(workshop, "sweep", file, "--out", out, "--launcher", "local", "--job", "sft.seed-3")
    assert "finished" in command(workshop, "sweep", file, "--out", out, "--list", "--job", "sft.seed-3")
    command(workshop, "sweep", file, "--out", out)

    shared = out / "runs" / "poro.seed-3"
    assert json.loads((shared / "stages/01-cot_sft/manifest.json").read_text())["shared_from"] == "sft.seed-3"
    alone = workshop.folder / "alone"
    command(workshop, "run", shared / "recipe.yaml", "--out", alone)
    names = ["metrics.jsonl", "rollouts.jsonl", "stages/01-cot_sft/model.safetensors", "stages/02-rl/model.safetensors"]
    assert [name for name in names if untimed_bytes(shared / name) != untimed_bytes(alone / name)] == []
    assert evaluations(shared) == evaluations(alone)

    printed = command(workshop, "compare", out, "--html", workshop.folder / "page.html")
    assert "poro" in printed and "3, 4" in printed
    assert (workshop.folder / "page.html").read_text().count("<svg") == 2
