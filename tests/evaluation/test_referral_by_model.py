"""A language model behind an endpoint as the judge of referral: beside the exact one, alone, and when it fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evaluation.fake_evaluation import RecordingSampler, SquareTask, WordRenderer
from evaluation.test_referral import JUDGEMENTS, REPLIES
from sampling.scripted_server import Body, Reply, ScriptedServer, fails, says, serving
from trimpi.errors import EndpointError
from trimpi.evaluation import SuiteResult, evaluate_suite
from trimpi.evaluation.referral_by_model import spread
from trimpi.evaluation.results import load_records
from trimpi.evaluation.wording import details_in_words
from trimpi.recipe import ReferralJudgeConfig

SCORES = {"one": 9, "two": 2, "four": 8}
"""What the endpoint thinks of the responses by their reasoning; it gives 0 to the one without."""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def judge(folder: Path, server: ScriptedServer, *, exact: bool = True, **settings: Any) -> SuiteResult:
    config = {"model": "m", "base_url": server.url, "api_key_env": None, "retries": 0, "concurrency": 1, **settings}
    return evaluate_suite(
        SquareTask(folder, judgements=JUDGEMENTS if exact else None),
        RecordingSampler(REPLIES),
        WordRenderer(),
        suite="referral",
        model="nano",
        out_dir=folder / "eval",
        max_new_tokens=16,
        referral_judge=ReferralJudgeConfig.model_validate(config),
    )


def thinks(body: Body) -> Reply:
    asked = body["messages"][0]["content"]
    said = next((score for word, score in SCORES.items() if f"<reasoning>\n{word}\n" in asked), 0)
    return says(f"I think so.\nScore: {said}", usage=(100, 5))


def test_both_judges_stand_beside_each_other_with_their_agreement(tmp_path: Path) -> None:
    with serving(*[thinks] * 4) as server:
        result = judge(tmp_path, server)
    assert result.details["score"] == 4.375, "the exact judge's, of 10, 2.5, 0 and 5"
    found = result.details["language_model"]
    assert (found["asked"], found["n"], found["unread"], found["failed"]) == (4, 4, 0, {})
    assert found["score"] == pytest.approx((9 + 2 + 0 + 8) / 4)
    assert found["agreement"]["n"] == 4
    assert found["agreement"]["mean_absolute_difference"] == pytest.approx((1 + 0.5 + 0 + 3) / 4)
    assert found["agreement"]["within_one"] == 0.75
    assert found["usage"] == {"answers": 4, "prompt_tokens": 400, "completion_tokens": 20}
    asked = server.asked[0]["messages"][0]["content"]
    assert "Always say Case 1." in asked and "What does the policy say?" in asked
    words = details_in_words(result)
    assert any("m as the judge scores it 4.75 of 10 (n = 4;" in line for line in words)
    assert any("differs from the exact judge by 1.12 points" in line for line in words)


def test_records_hold_what_it_said_and_can_be_told_apart_by_its_score(tmp_path: Path) -> None:
    with serving(thinks, says("I cannot judge that."), fails(500), thinks) as server:
        result = judge(tmp_path, server)
    records = load_records(tmp_path / "eval" / "referral.jsonl")
    assert [list(record.tags.values()) for record in records] == [["9"], ["unread"], ["failed"], ["8"]]
    assert records[0].reason == "no step is wrong; the language model gives 9 of 10: I think so.\nScore: 9"
    assert records[0].value == 1.0 and records[0].outcome == "correct", "the exact judgement stays"
    assert result.per_tag["language model's score"]["9"] == {"n": 1, "correct": 1}


def test_what_fails_and_what_cannot_be_read_is_counted_apart_and_asked_again_without_paying_twice(
    tmp_path: Path,
) -> None:
    with serving(thinks, fails(429), says("Score: 4", finish="length"), fails(500)) as server:
        found = judge(tmp_path, server).details["language_model"]
        assert (found["n"], found["unread"], found["failed"]) == (1, 1, {"429": 1, "500": 1})
        assert "does not answer a request" in found["failure"]
        assert found["agreement"]["n"] == 1
        server.steps += [thinks, thinks]
        again = judge(tmp_path, server)
        assert len(server.asked) == 6, "the two that failed"
        assert again.details["language_model"]["failed"] == {}
        assert judge(tmp_path, server) == again, "nothing is asked any more"
        assert len(server.asked) == 6


def test_an_endpoint_that_only_fails_leaves_the_exact_judge_and_is_soon_left_alone(tmp_path: Path) -> None:
    with serving() as server:
        result = judge(tmp_path, server)
        assert len(server.asked) == 3
    assert result.details["score"] == 4.375
    found = result.details["language_model"]
    assert (found["n"], found["failed"], found["score"], found["agreement"]) == (0, {"500": 4}, None, None)


def test_a_task_without_an_exact_judge_is_judged_by_the_model_alone(tmp_path: Path) -> None:
    with serving(thinks, says("Score: 10"), thinks, thinks) as server:
        result = judge(tmp_path, server, exact=False)
    assert result.details["score"] == pytest.approx((9 + 10 + 0 + 8) / 4)
    assert result.outcomes == {"correct": 1, "wrong": 2, "no_answer": 1, "truncated": 0}
    assert result.details["language_model"]["agreement"] is None


def test_nothing_judged_at_all_is_an_error_that_names_the_cause(tmp_path: Path) -> None:
    with serving() as server, pytest.raises(EndpointError, match=r"'m' judged no reasoning.*500"):
        judge(tmp_path, server, exact=False)


def test_responses_are_spread_over_the_requests(tmp_path: Path) -> None:
    with serving(*[thinks] * 2) as server:
        result = judge(tmp_path, server, responses=2)
    records = load_records(tmp_path / "eval" / "referral.jsonl")
    assert [bool(record.tags) for record in records] == [True, False, True, False]
    assert result.details["language_model"]["asked"] == 2
    assert result.n == 4
    assert [record.id for record in spread(records, 3)] == ["test-0", "test-1", "test-2"]
