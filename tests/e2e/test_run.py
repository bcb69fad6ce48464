"""`trimpi run` with real stages on a tiny model, as a user starts it: whole, killed twice, and in two processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoModelForImageTextToText, AutoProcessor

from e2e.cli_runs import RL, Workshop, evaluations, open_workshop, untimed_bytes
from stages.stage_runs import GROUP_STATISTICS, lines

STAGE_NAMES = ("01-vm_cpt", "02-cot_sft", "03-rl")
KILLED_WHEN = tuple(f"stages/{name}/checkpoints/checkpoint-1/complete" for name in ("01-vm_cpt", "03-rl"))
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return open_workshop(tmp_path_factory.mktemp("e2e"))


@pytest.fixture(scope="module")
def recipe(workshop: Workshop) -> Path:
    return workshop.write_recipe("tiny")


@pytest.fixture(scope="module")
def whole(workshop: Workshop, recipe: Path) -> tuple[Path, str]:
    """A run that nothing interrupts, and what it printed."""
    out = workshop.folder / "whole"
    return out, workshop.run(recipe, out)


def test_run_ends_in_a_table_and_a_report(whole: tuple[Path, str]) -> None:
    out, printed = whole
    positions = [printed.index(f"\n  {label} ") for label in ("Base", "VM-CPT", "CoT SFT", "RL")]
    assert positions == sorted(positions)
    assert printed.endswith(f"report: {out / 'report.html'}\n")
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    assert json.loads((out / "manifest.json").read_text())["finished"]


@pytest.mark.parametrize("name", STAGE_NAMES)
def test_every_stage_is_a_model_that_transformers_loads(whole: tuple[Path, str], name: str) -> None:
    folder = whole[0] / "stages" / name
    model, report = AutoModelForImageTextToText.from_pretrained(folder, output_loading_info=True)
    assert model.config.model_type == "qwen2_5_vl"
    assert not any(report.values())
    assert AutoProcessor.from_pretrained(folder).image_processor is not None


def test_every_stage_moves_the_weights(whole: tuple[Path, str], workshop: Workshop) -> None:
    folders = [workshop.base, *(whole[0] / "stages" / name for name in STAGE_NAMES)]
    weights = [(folder / "model.safetensors").read_bytes() for folder in folders]
    assert len(set(weights)) == len(weights)


def test_a_run_killed_in_two_stages_ends_in_the_files_of_an_uninterrupted_one(
    workshop: Workshop, recipe: Path, whole: tuple[Path, str]
) -> None:
    out = workshop.folder / "killed"
    for file in KILLED_WHEN:
        workshop.run_until(recipe, out, file=file)
        stage = out / Path(file).parents[2]
        assert not (stage / "config.json").exists(), "it was killed within the stage"
    workshop.run(recipe, out)

    assert len(json.loads((out / "manifest.json").read_text())["sessions"]) == 3
    names = ["metrics.jsonl", "rollouts.jsonl", *(f"stages/{name}/model.safetensors" for name in STAGE_NAMES)]
    assert [name for name in names if untimed_bytes(out / name) != untimed_bytes(whole[0] / name)] == []
    assert evaluations(out) == evaluations(whole[0])
    assert len(evaluations(out)) == 4 * 2 * 2 + 1, "four models, two suites, a result and its records each; the costs"


def test_two_processes_roll_out_the_same_groups_as_one(workshop: Workshop, whole: tuple[Path, str]) -> None:
    start = whole[0] / "stages" / "02-cot_sft"
    rl_alone = workshop.write_recipe(
        "two", model=start, stages=[{**RL, "steps": 1}], base=False, suites=["accuracy"], examples=1
    )
    out = workshop.folder / "two"
    printed = workshop.run(rl_alone, out, processes=2)

    assert printed.count("report: ") == 1, "only one of them reports"
    manifest = json.loads((out / "manifest.json").read_text())
    assert [manifest["processes"], *(stage["processes"] for stage in manifest["stages"])] == [2, 2]
    assert lines(out / "stages/01-rl/rollouts.jsonl") == first_step(whole[0] / "stages/03-rl/rollouts.jsonl")
    (ours,), (theirs,) = (
        first_step(folder / "metrics.jsonl") for folder in (out / "stages/01-rl", whole[0] / "stages/03-rl")
    )
    assert {key: ours[key] for key in GROUP_STATISTICS} == {key: theirs[key] for key in GROUP_STATISTICS}


def first_step(path: Path) -> list[dict[str, object]]:
    return [line for line in lines(path) if line["step"] == 1]
