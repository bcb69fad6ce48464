from __future__ import annotations

import json
from pathlib import Path

import pytest

from stages.stage_runs import SUPERVISED, lines, run, stage_context
from tiny_task import ColorTask
from trimpi.errors import DataError
from trimpi.recipe import CotSftConfig, ForwardCotConfig
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


def test_a_model_that_is_never_right_gives_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, "no idea")
    with pytest.raises(DataError, match="no forward chain of thought of 6 examples was right"):
        run(FORWARD, tmp_path, "stage")
