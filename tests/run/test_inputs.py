from __future__ import annotations

from pathlib import Path

import pytest

from run.fake_services import FakeWorld, WordTask, base_model, make_recipe
from trimpi.errors import DataError, EndpointError
from trimpi.recipe import Recipe
from trimpi.run import execute_run
from trimpi.run.directory import RunDirectory
from trimpi.run.inputs import validate_inputs

ENDPOINT = {"type": "endpoint", "model": "m", "base_url": "http://127.0.0.1:9/v1", "api_key_env": "TEST_KEY"}


def reverse_recipe() -> Recipe:
    return make_recipe(stages=[{"type": "cot_sft", "cot": "reverse", "reverse_cot": {"generator": ENDPOINT}}])


def test_an_endpoint_that_is_not_set_up_is_refused_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    with pytest.raises(EndpointError, match="TEST_KEY does not hold the API key"):
        validate_inputs(reverse_recipe(), WordTask())
    monkeypatch.setenv("TEST_KEY", "k")
    validate_inputs(reverse_recipe(), WordTask())


def test_a_run_whose_chains_of_thought_are_written_needs_no_key_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    out, services = tmp_path / "run", FakeWorld().services(base_model(tmp_path / "base"))
    with pytest.raises(EndpointError):
        execute_run(reverse_recipe(), RunDirectory(out), services=services)
    monkeypatch.setenv("TEST_KEY", "k")
    execute_run(reverse_recipe(), RunDirectory(out), services=services)
    (out / "stages" / "01-cot_sft" / "cot.jsonl").write_text("")
    monkeypatch.delenv("TEST_KEY")
    execute_run(reverse_recipe(), RunDirectory(out), services=services)


def test_a_file_of_chains_of_thought_is_read_beforehand(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no chains of thought at"):
        validate_inputs(make_recipe(stages=[{"type": "vm_cpt", "cot": str(tmp_path / "none.jsonl")}]), WordTask())


def test_a_judge_that_is_not_set_up_is_refused_while_there_is_something_to_judge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judge = {key: value for key, value in ENDPOINT.items() if key != "type"}
    recipe = make_recipe(evaluation={"suites": ["referral"], "referral_judge": judge})
    monkeypatch.delenv("TEST_KEY", raising=False)
    with pytest.raises(EndpointError, match="TEST_KEY does not hold the API key"):
        validate_inputs(recipe, WordTask())
    validate_inputs(recipe, WordTask(), judged=True)
    monkeypatch.setenv("TEST_KEY", "k")
    validate_inputs(recipe, WordTask())
