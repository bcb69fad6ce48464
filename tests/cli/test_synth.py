from __future__ import annotations

from pathlib import Path

import pytest

from cli.test_commands import invoke, one_line_refusal
from sampling.scripted_server import serving
from synth.desk import lines, source, thinks
from tiny_task import save_tiny_model
from trimpi.recipe import load_recipe, recipe_data
from trimpi.synth.review import ReviewFile, ReviewRecord

RECIPE = """
name: desk
model: {{path: {model}}}
task: {{type: custom, path: ., reward: choice}}
stages: []
synth:
  requests_per_section: 2
  samples: 2
  images: none
  max_new_tokens: 8
  answer_tokens: 8
  {generator}
"""
ENDPOINT = """input_price: 0.5
  output_price: 1.5
  generator: {{type: endpoint, model: m, base_url: {url}, api_key_env: null, concurrency: 1, retries: 0}}"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    save_tiny_model(tmp_path / "base")
    return source(tmp_path / "desk").path


def write_recipe(folder: Path, generator: str) -> str:
    file = folder / "recipe.yaml"
    file.write_text(RECIPE.format(model=folder.parent / "base", generator=generator))
    return str(file)


def test_the_cost_comes_first_and_what_is_accepted_becomes_rows(folder: Path) -> None:
    small, large = lines(("Refund 45 for a lamp?", "pay")), lines(("Refund 70 for a chair?", "ask"))
    with serving(small, large, *[thinks("pay")] * 2, *[thinks("ask", "Large sums: over 50.")] * 2) as server:
        recipe = write_recipe(folder, ENDPOINT.format(url=server.url))
        code, output = invoke("synth", recipe)  # nobody answers the question
        assert code != 0
        assert "at most 2 calls to write and 4 to answer" in output and "USD at 0.5 and 1.5 a million" in output
        assert not server.asked and not (folder / "synth").exists()
        code, output = invoke("synth", recipe, "--yes")
        assert code == 0, output
        assert "2 pending" in output and "6 answers, 60 prompt tokens and 12 written" in output
    assert "2 rows added" in invoke("synth", "accept", recipe, "--all")[1]
    assert "nothing to write" in invoke("synth", recipe, "--yes")[1]
    assert "synth" not in recipe_data(load_recipe(Path(recipe))), "a run goes on after its settings change"


def test_check_says_what_other_endpoints_would_be_asked(folder: Path) -> None:
    recipe = write_recipe(folder, "batch_size: 2")
    endpoint = "{type: endpoint, model: m, base_url: http://127.0.0.1:1/v1, api_key_env: null}"
    stage = f"stages=[{{type: cot_sft, cot: reverse, reverse_cot: {{max_new_tokens: 500, generator: {endpoint}}}}}]"
    code, output = invoke("check", recipe, stage, f"task.reward={{type: judge, endpoint: {endpoint}}}")
    assert code == 0, output
    assert "asked of endpoints, at most" in output
    (line,) = (line.split() for line in output.splitlines() if "01-cot_sft: cot reverse" in line)
    assert line[3:5] == ["m", "2"] and line[-1] == "1,000"
    assert "evaluation: reward judge" in output
    assert "asked of endpoints" not in invoke("check", recipe)[1]


def test_the_model_itself_can_be_the_generator_and_what_it_cannot_is_said(folder: Path) -> None:
    code, output = invoke("synth", write_recipe(folder, "batch_size: 2"), "--yes")
    assert code == 0, output
    assert "unusable" in output and "pending" not in output
    assert "nothing to accept" in output and "give synth.generator a larger model or an endpoint" in output


def test_a_row_without_the_reasoning_that_stages_learn_is_refused(folder: Path) -> None:
    recipe = write_recipe(folder, "batch_size: 2")
    row = {"id": "s1", "policy": "Desk", "prompt": "Refund 7?", "images": [], "answer": "pay"}
    ReviewFile(folder).write(
        [ReviewRecord(status="accepted", why="", policy="Desk", section="Small sums", batch=1, row=row)]
    )
    refusal = one_line_refusal("synth", "accept", recipe, "stages=[{type: cot_sft}]")
    assert "review.jsonl:1: the row has no reasoning" in refusal and "write cot into row" in refusal
    assert "1 rows added" in invoke("synth", "accept", recipe, "stages=[{type: cot_sft, cot: forward}]")[1]


def test_accepting_before_anything_was_written_says_what_is_missing(folder: Path) -> None:
    recipe = write_recipe(folder, "batch_size: 2")
    assert f"review.jsonl: trimpi synth {recipe} writes" in one_line_refusal("synth", "accept", recipe)


def test_a_task_that_makes_its_own_requests_is_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: a\ntask: {type: clevr, train_examples_per_policy: 1, test_examples_per_policy: 1}\nstages: []\n"
    )
    assert "task.type is clevr" in one_line_refusal("synth", str(recipe))
