from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import PreTrainedModel

from sampling.scripted_server import Body, Reply, fails, says, serving
from stages.stage_runs import SUPERVISED, lines, run, stage_context
from tiny_task import ColorTask, save_tiny_model
from trimpi.errors import DataError, EndpointError
from trimpi.models import load_model
from trimpi.recipe import CotSftConfig, EndpointConfig, ForwardCotConfig, ModelGeneratorConfig, ReverseCotConfig
from trimpi.rewards.response import write_response
from trimpi.sampling.scripted import ScriptedSampler
from trimpi.stages import run_stage

FORWARD = CotSftConfig(
    **SUPERVISED, lora=None, cot="forward", forward_cot=ForwardCotConfig(samples=2, max_new_tokens=4)
)


def script(monkeypatch: pytest.MonkeyPatch, *replies: str) -> list[ScriptedSampler]:
    made: list[ScriptedSampler] = []

    def sampler(*_: object, **__: object) -> ScriptedSampler:
        made.append(ScriptedSampler(replies))
        return made[-1]

    monkeypatch.setattr("trimpi.stages.supervised.cots.local_sampler", sampler)
    return made


def test_forward_chains_of_thought_are_sampled_once_with_the_policy_and_kept_with_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = script(monkeypatch, write_response("Seen.", "red"), write_response("Seen.", "blue"))
    task = ColorTask(tmp_path / "images")
    run_stage(FORWARD, stage_context(tmp_path, "stage", task=task))
    (sampler,) = made
    assert all(prompt.policy_aware for prompt in sampler.prompts)
    kept = lines(tmp_path / "stage" / "cot.jsonl")
    assert [line["id"] for line in kept] == ["train-0", "train-1", "train-4", "train-5"]
    counts = json.loads((tmp_path / "stage" / "cot_counts.json").read_text())
    assert counts == {"examples": 6, "dropped": 2, "outcomes": {"correct": 4, "wrong": 8}}

    run(FORWARD, tmp_path, "stage", task=task)
    assert len(made) == 1, "a stage that goes on does not sample again"


@pytest.mark.parametrize("named", ["input", "base"])
def test_the_model_named_writes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    other = save_tiny_model(tmp_path / "other", seed=7)
    asked = []

    def sampler(model: PreTrainedModel, *_: object, **__: object) -> ScriptedSampler:
        asked.append(model.get_input_embeddings().weight.detach().clone())
        return ScriptedSampler([write_response("Seen.", "red")])

    monkeypatch.setattr("trimpi.stages.supervised.cots.local_sampler", sampler)
    generator = ModelGeneratorConfig(model=named)
    config = CotSftConfig(**SUPERVISED, lora=None, cot="forward", forward_cot=ForwardCotConfig(generator=generator))
    context = stage_context(tmp_path, "stage", task=ColorTask(tmp_path / "images"))
    run_stage(config, replace(context, earlier_models={"base": other}))
    expected = load_model(other if named == "base" else context.model_path).get_input_embeddings().weight
    assert asked[0].equal(expected)


def test_a_model_that_is_never_right_gives_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, "no idea")
    with pytest.raises(DataError, match="no forward chain of thought of 6 examples was right"):
        run(FORWARD, tmp_path, "stage")


def asking(url: str, source: str) -> CotSftConfig:
    """Chains of thought from an endpoint, one request at a time, without a second attempt."""
    generator = EndpointConfig(model="m", base_url=url, api_key_env=None, concurrency=1, retries=0)
    return CotSftConfig(
        **SUPERVISED,
        lora=None,
        cot=source,
        forward_cot=ForwardCotConfig(generator=generator, samples=1),
        reverse_cot=ReverseCotConfig(generator=generator),
    )


def explain(body: Body) -> Reply:
    """A rationale for the answer that the request states; a bad one for blue."""
    text = body["messages"][1]["content"][-1]["text"]
    answer = text.partition("The right answer is:\n")[2].partition("\n")[0]
    return says("<think>" if answer == "blue" else f"The picture is {answer}.")


def test_reverse_chains_of_thought_come_from_an_endpoint_and_a_stage_that_goes_on_pays_for_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    task = ColorTask(tmp_path / "images")
    with serving(explain, explain, fails(500), *[explain] * 2) as server:
        config = asking(server.url, "reverse")
        with pytest.raises(EndpointError, match="does not answer a request"):
            run(config, tmp_path, "stage", task=task)
        assert not (tmp_path / "stage" / "cot.jsonl").exists()
        run(config, tmp_path, "stage", task=task)
        # Four requests that differ (two examples repeat others), and the one that failed.
        assert len(server.asked) == 5
        run(config, tmp_path, "stage", task=task)
        assert len(server.asked) == 5
    kept = lines(tmp_path / "stage" / "cot.jsonl")
    assert kept[:2] == [
        {"id": "train-0", "cot": "The picture is red.", "answer": "red"},
        {"id": "train-2", "cot": "The picture is green.", "answer": "green"},
    ]
    counts = json.loads((tmp_path / "stage" / "cot_counts.json").read_text())
    assert counts == {
        "examples": 6,
        "dropped": 2,
        "outcomes": {"usable": 4, "tags": 2},
        "usage": {"answers": 4, "prompt_tokens": 40, "completion_tokens": 8},
    }
    # The policy is in the user's turn, where endpoints take images.
    first = server.asked[0]["messages"][1]["content"]
    assert [part["type"] for part in first] == ["text", "image_url", "text"]
    assert first[0]["text"] == "# Ako\nName the color.\n\n"


def test_forward_chains_of_thought_can_come_from_an_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(*[says(write_response("Seen.", "red"))] * 4) as server:
        run(asking(server.url, "forward"), tmp_path, "stage", task=ColorTask(tmp_path / "images"))
    assert {line["id"] for line in lines(tmp_path / "stage" / "cot.jsonl")} == {"train-0", "train-4"}


def test_reverse_chains_of_thought_come_from_the_model_itself_with_the_answer_in_its_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = script(monkeypatch, "Because.")
    config = FORWARD.model_copy(update={"cot": "reverse"})
    run(config, tmp_path, "stage", task=ColorTask(tmp_path / "images"))
    (sampler,) = made
    assert all("The right answer is:" in str(prompt.messages[-1].parts[-1]) for prompt in sampler.prompts)
    assert len(lines(tmp_path / "stage" / "cot.jsonl")) == 6


def test_rationales_that_are_all_unusable_give_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, "", "<think>")
    with pytest.raises(DataError, match=r"no reverse chain of thought of 6 examples was usable \(empty 3, tags 3\)"):
        run(FORWARD.model_copy(update={"cot": "reverse"}), tmp_path, "stage")
