from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sampling.scripted_server import Body, Reply, fails, says, serving
from tiny_task import ColorTask, save_tiny_model
from trimpi.cli import app
from trimpi.cot.store import load_cots

RECIPE = """
name: colors
model:
  path: {model}
task:
  type: clevr
  train_examples_per_policy: 4
  test_examples_per_policy: 2
stages:
  - type: vm_cpt
  - type: cot_sft
    cot: reverse
    reverse_cot:
      max_new_tokens: 8
      generator:
        type: endpoint
        model: m
        base_url: {url}
        api_key_env: null
        concurrency: 1
        retries: 0
  - type: rl
    steps: 1
    prompts_per_step: 1
"""


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ColorTask:
    task = ColorTask(tmp_path / "images", examples=3)
    monkeypatch.setattr("trimpi.cli.sampling.task_of", lambda recipe, progress: task)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return task


def write_recipe(folder: Path, url: str = "http://127.0.0.1:9/v1") -> Path:
    save_tiny_model(folder / "base")
    file = folder / "recipe.yaml"
    file.write_text(RECIPE.format(model=folder / "base", url=url))
    return file


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["cot", *arguments])
    return result.exit_code, " ".join(result.output.split())


def number(body: Body) -> Reply:
    return says("Seen.")


def test_a_stages_chains_of_thought_are_written_and_a_second_call_asks_for_the_rest(
    tmp_path: Path, task: ColorTask
) -> None:
    out = tmp_path / "new" / "cots.jsonl"
    with serving(number, fails(500), says("\\boxed{blue}"), number) as server:
        recipe = write_recipe(tmp_path, server.url)
        code, output = invoke(str(recipe), "--out", str(out))
        assert code == 2 and "does not answer a request (attempts: 1)" in output
        code, output = invoke(str(recipe), "--out", str(out))
        assert code == 0, output
        assert "3 examples, 1 without a chain of thought; completions: 1 tags, 2 usable" in output
        assert f"{out}: 2 chains of thought" in output
        assert len(server.asked) == 4
        assert invoke(str(recipe), "--stage", "2", "--out", str(out))[0] == 0
        assert len(server.asked) == 4
    assert [record.id for record in load_cots(out, task.examples("train"))] == ["train-0", "train-2"]
    assert json.loads((out.parent / "cots_counts.json").read_text())["usage"]["answers"] == 3


def test_the_model_itself_can_write_them(tmp_path: Path, task: ColorTask) -> None:
    recipe, out = write_recipe(tmp_path), tmp_path / "cots.jsonl"
    settings = ("stages.vm_cpt.cot=reverse", "stages.vm_cpt.reverse_cot={max_new_tokens: 1, samples: 2}")
    code, output = invoke(str(recipe), *settings, "--out", str(out))
    assert code == 2 and "no reverse chain of thought of 3 examples was usable (truncated 6)" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--stage", "1"), "stage 1 (vm_cpt) of colors has its chains of thought sampled"),
        (("--stage", "1"), "stages that do: 2 (cot_sft)): set cot: forward or cot: reverse"),
        (("--stage", "9"), "--stage is 9, but colors has 3 stages; allowed are 2 (cot_sft)"),
        (("stages.cot_sft.cot=gold",), "no stage of colors has its chains of thought sampled (stages that do: none)"),
        (
            ("stages.cot_sft.reverse_cot.generator={type: model}",),
            "the model that stage 1 leaves: name its folder with",
        ),
        (("--out", "cots.txt"), "--out is 'cots.txt'; allowed is the name of a .jsonl file"),
        (("stages.cot_sft.reverse_cot.generator.api_key_env=NO_SUCH_KEY",), "NO_SUCH_KEY does not hold the API key"),
    ],
)
def test_what_cannot_be_sampled_is_one_line(
    tmp_path: Path, task: ColorTask, arguments: tuple[str, ...], message: str
) -> None:
    code, output = invoke(str(write_recipe(tmp_path)), *arguments)
    assert code == 2 and message in output


def test_a_file_of_other_origin_is_not_overwritten(tmp_path: Path, task: ColorTask) -> None:
    out = tmp_path / "mine.jsonl"
    out.write_text("mine")
    code, output = invoke(str(write_recipe(tmp_path)), "--out", str(out))
    assert code == 2 and "is there already" in output
    assert out.read_text() == "mine"
