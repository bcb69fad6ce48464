"""What is measured of which prompts, by answers whose times are known; on real models see test_on_a_tiny_model.py."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from evaluation.fake_efficiency import SAVINGS, make_efficiency
from evaluation.fake_evaluation import SquareTask, TextPrompt, WordRenderer
from trimpi.errors import DataError, RunError
from trimpi.evaluation.efficiency_measurement import Measured, measure_ways
from trimpi.evaluation.efficiency_result import (
    load_efficiency,
    no_longer_matters,
    query_point,
    serving_seconds,
    shares_saved,
    within_noise,
)
from trimpi.evaluation.timing import Run, Saving, Timing, saving
from trimpi.recipe import EfficiencyConfig, Engine

FREE, AWARE, CACHED = "policy_free", "policy_aware", "policy_cached"
TOKENS = {False: 8, True: 14}
"""Of the task's prompts: five words of a request and its image, and six words of a policy."""


class LongRenderer(WordRenderer):
    """Can also write and read token ids: a word each."""

    def response_ids(self, text: str) -> list[str]:
        return text.split()

    def decode(self, ids: Sequence[str]) -> str:
        return " ".join(ids)


@dataclass
class KnownAnswers:
    """A prompt token takes a second, an answer's token a tenth, for every prompt; kept are the policy's six tokens."""

    no_cache: str | None = None
    kept_tokens: int = 6
    engine: Engine = "prefix"
    runs: list[tuple[str, int, list[TextPrompt]]] = field(default_factory=list)
    kept: list[list[TextPrompt]] = field(default_factory=list)

    def from_nothing(self, prompts: Sequence[TextPrompt]) -> Run:  # type: ignore[override]
        return self._run(AWARE if prompts[0].policy_aware else FREE, prompts, 0)

    def with_kept(self, prompts: Sequence[TextPrompt], kept: Sequence[TextPrompt]) -> Run:  # type: ignore[override]
        self.kept.append(list(kept))
        return self._run(CACHED, prompts, self.kept_tokens)

    def _run(self, way: str, prompts: Sequence[TextPrompt], kept: int) -> Run:
        first = sum(len(WordRenderer().prompt_ids(prompt)) - kept for prompt in prompts)

        def run(new_tokens: int) -> Timing:
            self.runs.append((way, new_tokens, list(prompts)))
            written = 0.1 * (new_tokens - 1) * len(prompts)
            return Timing(first_token=first, total=first + written, cached_tokens=kept * len(prompts))

        return run


class UnsteadyAnswers(KnownAnswers):
    """On a machine whose speed changes from round to round."""

    def _run(self, way: str, prompts: Sequence[TextPrompt], kept: int) -> Run:
        steady, round_number = super()._run(way, prompts, kept), count()

        def run(new_tokens: int) -> Timing:
            slow = (0.01, 0.1, 0.03)[next(round_number) % 3]
            timing = steady(new_tokens)
            return replace(timing, first_token=slow * timing.first_token, total=slow * timing.total)

        return run


def measure(folder: Path, answers: KnownAnswers, *, context: int | None = None, **changes: Any) -> Measured:
    settings = {"examples": 2, "repeats": 1, "new_tokens": 11, "query_lengths": [], "batch": 1}
    return measure_ways(
        SquareTask(folder),
        LongRenderer(),  # type: ignore[arg-type]
        answers,  # type: ignore[arg-type]
        EfficiencyConfig(**{**settings, **changes}),
        context=context,
    )


def test_the_same_requests_are_answered_each_way(tmp_path: Path) -> None:
    answers = KnownAnswers()
    measured = measure(tmp_path, answers)
    costs = measured.costs
    counted = Counter((way, tokens) for way, tokens, _ in answers.runs)
    # Two requests, each once unmeasured and once measured; prefills no more often either, since these take so long.
    assert counted == {(way, tokens): 4 for way in (FREE, AWARE, CACHED) for tokens in (1, 11)}
    assert measured.prefill_repeats == 1
    for way, tokens, kept in ((FREE, 8, 0), (AWARE, 14, 0), (CACHED, 14, 6)):
        cost = costs[way]
        assert cost is not None
        assert (cost.mean_tokens, cost.max_tokens, cost.cached_tokens) == (tokens, tokens, kept)
        assert cost.prefill_seconds == tokens - kept
        assert cost.seconds_per_token == pytest.approx(0.1)
        assert cost.latency_seconds == pytest.approx(tokens - kept + 1)
        assert cost.requests_per_second is None, "no batch was asked for"


def test_what_is_kept_is_the_policy_and_no_request(tmp_path: Path) -> None:
    answers = KnownAnswers()
    measure(tmp_path, answers, examples=1)
    ((first, second),) = answers.kept
    policy = SquareTask(tmp_path).policies["A"].text
    assert (first.text, second.text) == (f"{policy}\nA", f"{policy}\nB")
    assert first.images == second.images == ()


def test_a_batch_shares_its_time_among_its_requests(tmp_path: Path) -> None:
    answers = KnownAnswers()
    measured = measure(tmp_path, answers, batch=16)
    assert measured.batch == 4, "as many requests as there are"
    assert len(answers.kept[-1]) == 4, "two prompts with each of two policies"
    aware = measured.costs[AWARE]
    assert aware is not None and aware.requests_per_second == pytest.approx(4 / (4 * 14 + 4))
    assert (aware.batch_prefill_seconds, aware.batch_seconds_per_token) == (14, pytest.approx(0.1))


def test_without_a_cache_the_row_is_absent_and_says_why(tmp_path: Path) -> None:
    measured = measure(tmp_path, KnownAnswers(no_cache="the model has a window"), query_lengths=[0])
    assert (measured.costs[CACHED], measured.no_cache) == (None, "the model has a window")
    assert measured.points[0].prefill_saved_over_cached is None


def test_a_policy_that_is_not_kept_is_no_cached_row(tmp_path: Path) -> None:
    measured = measure(tmp_path, KnownAnswers(kept_tokens=0), query_lengths=[0])
    assert measured.costs[CACHED] is None and "too short" in str(measured.no_cache)
    assert set(measured.points[0].tokens) == {FREE, AWARE}


def test_longer_requests_save_a_smaller_share(tmp_path: Path) -> None:
    points = measure(tmp_path, KnownAnswers(), query_lengths=[0, 6, 86]).points
    assert [point.tokens[AWARE] for point in points] == [14, 20, 100]
    assert [point.tokens_saved for point in points] == pytest.approx([6 / 14, 6 / 20, 6 / 100])
    assert [point.latency_saved for point in points] == pytest.approx([6 / 15, 6 / 21, 6 / 101])
    assert [point.prefill_saved_over_cached for point in points] == [0, 0, 0]


def test_lengths_beyond_the_context_are_left_out_by_name(tmp_path: Path) -> None:
    measured = measure(tmp_path, KnownAnswers(), query_lengths=[0, 100], context=100)
    assert [point.added for point in measured.points] == [0]
    assert list(measured.left_out) == ["+100 tokens: prompt and answer take 125 tokens and the model's context has 100"]


@pytest.mark.parametrize("no_cache", [None, "it cannot"])
def test_progress_ends_where_it_said(tmp_path: Path, no_cache: str | None) -> None:
    seen: list[tuple[int, int]] = []
    measure_ways(
        SquareTask(tmp_path),
        LongRenderer(),  # type: ignore[arg-type]
        KnownAnswers(no_cache=no_cache),  # type: ignore[arg-type]
        EfficiencyConfig(examples=2, repeats=2, query_lengths=[0, 5, 500], batch=3),
        context=200,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[0][0] == 0 and seen[-1][0] == seen[-1][1]


def test_nothing_to_measure_is_refused(tmp_path: Path) -> None:
    task = SquareTask(tmp_path)
    task._examples = {"train": [], "test": []}
    with pytest.raises(DataError, match="no test examples"):
        measure_ways(task, LongRenderer(), KnownAnswers(), EfficiencyConfig(), context=None)  # type: ignore[arg-type]


def test_shares_are_of_what_the_policy_costs_in_the_prompt() -> None:
    efficiency = make_efficiency()
    costs = {way: getattr(efficiency, way) for way in (FREE, AWARE)}
    savings = {share: SAVINGS[share] for share in ("prefill_saved", "latency_saved")}
    shares = shares_saved({**costs, CACHED: None}, savings)
    assert (shares["tokens_saved"], shares["prefill_saved"]) == pytest.approx((0.9, 0.8))
    assert shares["prefill_saved_over_cached"] is None
    assert shares["intervals"] == {"prefill_saved": (0.78, 0.82), "latency_saved": (0.2, 0.4)}


def test_a_saving_whose_interval_holds_nothing_saved_is_noise() -> None:
    intervals = make_efficiency().intervals
    assert within_noise(intervals, "latency_saved_over_cached") and not within_noise(intervals, "latency_saved")
    assert not within_noise({}, "latency_saved"), "older results do not say"


def test_slow_spells_of_the_machine_do_not_change_what_is_saved(tmp_path: Path) -> None:
    answers = UnsteadyAnswers()
    measured = measure(tmp_path, answers, examples=2, repeats=3)
    assert measured.savings["prefill_saved"] == Saving(
        share=pytest.approx(6 / 14), interval=(pytest.approx(6 / 14), pytest.approx(6 / 14))
    )


def point(added: int, *, aware: float, cached: float) -> Any:
    seconds = {FREE: 1.0, AWARE: aware, CACHED: cached}
    savings = {
        f"{time}_saved{suffix}": saving([1.0], [paid])
        for time in ("prefill", "latency")
        for suffix, paid in (("", aware), ("_over_cached", cached))
    }
    return query_point(added, {FREE: 100, AWARE: 300, CACHED: 300}, seconds, seconds, savings)


def test_the_policy_no_longer_matters_from_where_every_longer_request_saves_too_little() -> None:
    points = [
        point(0, aware=2.0, cached=1.01),
        point(10, aware=1.01, cached=1.2),  # below once, and above again after it
        point(20, aware=1.2, cached=1.01),
        point(30, aware=1.04, cached=0.9),
    ]
    lengths = no_longer_matters(points)
    assert (lengths["prefill_saved"], lengths["prefill_saved_over_cached"]) == (30, 20)
    # 200 policy tokens are 5 % of 4,000, of which 300 are there
    assert lengths["tokens_saved"] == pytest.approx(3700)
    assert no_longer_matters(points[:1])["prefill_saved"] is None


def test_a_result_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    points = [point(0, aware=2.0, cached=1.5)]
    result = make_efficiency(query_lengths=points, no_longer_matters=no_longer_matters(points))
    path = tmp_path / "efficiency.json"
    path.write_text(result.to_json())
    assert load_efficiency(path) == result


def test_a_result_without_intervals_is_read_as_it_is(tmp_path: Path) -> None:
    points = [point(0, aware=2.0, cached=1.5)]
    written = json.loads(make_efficiency(query_lengths=points).to_json())
    for part in (written, *written["query_lengths"]):
        del part["intervals"]
    del written["prefill_repeats"]
    path = tmp_path / "efficiency.json"
    path.write_text(json.dumps(written))
    result = load_efficiency(path)
    assert (result.intervals, result.query_lengths[0].intervals, result.prefill_repeats) == ({}, {}, None)
    assert result.prefill_saved == 0.8


def test_an_older_result_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "efficiency.json"
    path.write_text('{"model": "nano"}')
    with pytest.raises(RunError, match=r"lacks batch, device.*delete it and measure again"):
        load_efficiency(path)


def test_serving_takes_the_seconds_of_a_request_alone_or_in_the_batch() -> None:
    alone, together = (serving_seconds(make_efficiency(), batch=batch) for batch in (False, True))
    assert alone is not None and together is not None and alone.policy_cached is not None
    assert (alone.policy_aware.prefill, together.policy_aware.prefill) == (0.5, 0.1)
    assert (alone.policy_cached.prefill, alone.policy_free.per_token) == (0.2, 0.01)
    assert serving_seconds(make_efficiency(policy_cached=None), batch=False) == type(alone)(
        policy_free=alone.policy_free, policy_aware=alone.policy_aware, policy_cached=None
    )
