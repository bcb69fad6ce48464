from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from reporting.fake_run import build_fake_run
from tasks.custom.folders import write_folder
from trimpi.cli import app
from trimpi.cli.services import CACHE_VARIABLE

RECIPES = Path(__file__).parents[2] / "recipes"


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def one_line_refusal(*arguments: str) -> str:
    code, output = invoke(*arguments)
    assert code == 2, output
    assert output.startswith("error: ") and output.count("\n") == 1
    return output


@pytest.mark.parametrize(
    "command", ["run", "check", "data", "cot", "eval", "report", "compare", "serve", "export", "chat"]
)
def test_every_command_explains_itself(command: str) -> None:
    code, output = invoke(command, "--help")
    assert code == 0 and "Usage" in output


@pytest.mark.parametrize("command", ["run", "check", "data", "cot"])
def test_missing_recipe_is_one_line(command: str) -> None:
    assert "no recipe at gone.yaml" in one_line_refusal(command, "gone.yaml")


@pytest.mark.parametrize("command", ["run", "check", "data", "cot"])
def test_unknown_key_is_one_line(command: str) -> None:
    assert "did you mean 'seed'" in one_line_refusal(command, str(RECIPES / "quickstart.yaml"), "sed=1")


def test_unknown_suite_is_one_line() -> None:
    message = one_line_refusal("eval", "nano", str(RECIPES / "quickstart.yaml"), "--suite", "speed")
    assert "'speed'; allowed is 'accuracy', 'in_context'" in message


@pytest.mark.parametrize("variant", ["t", "m"])
@pytest.mark.parametrize("command", ["check", "data"])
def test_missing_clevr_directory_is_one_line(variant: str, command: str, tmp_path: Path) -> None:
    recipe = RECIPES / f"clevr-{variant}-qwen2.5-vl-7b.yaml"
    message = one_line_refusal(command, str(recipe), f"task.scenes.path={tmp_path / 'CLEVR_v1.0'}")
    assert f"no CLEVR directory at {tmp_path / 'CLEVR_v1.0'}" in message


@pytest.mark.parametrize(
    "arguments",
    [("run", "RECIPE", "--out", "/proc/x"), ("init", "/proc/new"), ("eval", "nano", "RECIPE", "--out", "FILE")],
)
def test_a_place_that_cannot_be_written_is_one_line(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    file, recipe = tmp_path / "file", write_folder(tmp_path / "desk") / "recipe.yaml"
    file.write_text("")
    recipe.write_text(f"name: desk\ntask: {{type: custom, path: {recipe.parent}}}\nstages: []\n")
    given = [{"RECIPE": str(recipe), "FILE": str(file)}.get(argument, argument) for argument in arguments]
    code, output = invoke(*given)
    assert code == 2 and output.splitlines()[-1].startswith(f"error: {given[-1]} cannot be read or written (")


def test_report_of_no_run_is_one_line(tmp_path: Path) -> None:
    assert "is not a run directory" in one_line_refusal("report", str(tmp_path))


def test_report_of_a_tasks_folder_is_one_line_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("name: desk\n")
    assert "is not a run directory (it has no manifest.json)" in one_line_refusal("report", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yaml"]


def test_compare_of_no_run_is_one_line(tmp_path: Path) -> None:
    assert "is not a run directory" in one_line_refusal("compare", str(tmp_path))


def test_compare_of_a_run_without_evaluations_is_one_line(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path / "fresh", evaluated=())
    assert "has no finished evaluation" in one_line_refusal("compare", str(run))


def test_compare_prints_a_table_and_writes_it_as_markdown(tmp_path: Path) -> None:
    run, file = build_fake_run(tmp_path / "quickstart"), tmp_path / "tables" / "runs.md"
    code, output = invoke("compare", str(run), "--markdown", str(file))
    assert code == 0 and "93.3%" in output
    assert file.read_text().startswith("| run | model | stages | seed | n | base policy-free |")
