from __future__ import annotations

import json
from typing import Any

import pytest

from evaluation.fake_efficiency import make_cost, make_efficiency
from trimpi.cli.tables import break_even_table
from trimpi.evaluation.break_even_report import StageCost, break_even_report, stage_cost
from trimpi.recipe import BreakEvenConfig

ASSUMED = BreakEvenConfig(
    input_price=1.0,
    cached_input_price=0.1,
    gpu_hour_price=9.0,
    cache_hit_rate=0.0,
    in_context_output_tokens=1,
    internalized_output_tokens=1,
    requests_per_month=100_000.0,
    updates_per_month=1.0,
)
STAGES = (StageCost(name="01-vm_cpt", hours=1.5, flops=3e15), StageCost(name="02-rl", hours=0.5, flops=1e15))


def manifest(**changes: Any) -> dict[str, Any]:
    whole = {"name": "01-vm_cpt", "steps": 10, "seconds": 1800.0, "preparation_seconds": 900.0, "processes": 4}
    return {**whole, "resumed_from": 0, "cost": {"estimated_flops": {"total": 5.0}}, **changes}


def test_a_stage_costs_the_hours_of_all_its_processes() -> None:
    assert stage_cost(manifest()) == StageCost(name="01-vm_cpt", hours=3.0, flops=5.0)


def test_an_attempt_that_resumed_stands_for_the_steps_before_it() -> None:
    assert stage_cost(manifest(resumed_from=5, preparation_seconds=0.0)).hours == 4.0


def test_all_attempts_are_counted_where_they_were_logged() -> None:
    assert stage_cost(manifest(resumed_from=5, training_seconds=2700.0)).hours == 4.0
    assert stage_cost(manifest(resumed_from=10, seconds=1.0, training_seconds=2700.0)).hours == 4.0


def test_an_attempt_that_trained_no_step_does_not_tell_the_time() -> None:
    assert stage_cost(manifest(resumed_from=10)).hours is None


def test_every_way_to_serve_has_its_own_end() -> None:
    report = break_even_report(ASSUMED, make_efficiency(), STAGES)
    assert (report["training_hours"], report["training_cost"]) == (2.0, 18.0)
    # 900 tokens at 1 a million; 0.4 and 0.08 seconds at 9 an hour
    expected = {"per_token": 900e-6, "own_machine": 0.4 * 9 / 3600, "own_machine_batch": 0.08 * 9 / 3600}
    assert {way: result["saved_per_request"] for way, result in report["ways"].items()} == pytest.approx(expected)
    assert {way: result["requests"] for way, result in report["ways"].items()} == {
        "per_token": 20_000,
        "own_machine": 18_000,
        "own_machine_batch": 90_000,
    }
    assert report["ways"]["own_machine"]["words"].startswith("pays after 18,000 requests")
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_a_way_that_was_not_measured_is_absent() -> None:
    alone = {"requests_per_second": None, "batch_prefill_seconds": None, "batch_seconds_per_token": None}
    ways = {way: make_cost(**alone) for way in ("policy_free", "policy_aware", "policy_cached")}
    report = break_even_report(ASSUMED, make_efficiency(**ways), STAGES)
    assert set(report["ways"]) == {"per_token", "own_machine"}


def test_stages_whose_time_is_not_known_are_named() -> None:
    report = break_even_report(ASSUMED, make_efficiency(), [STAGES[0], StageCost(name="02-rl", hours=None, flops=None)])
    assert (report["training_hours"], report["hours_unknown"]) == (1.5, ["02-rl"])
    assert "not counted, since their time is not known: 02-rl" in str(break_even_table(report).caption)


def test_a_saving_of_seconds_that_is_noise_is_said_to_be() -> None:
    noise = make_efficiency(intervals={"latency_saved": (-0.1, 0.1), "latency_saved_over_cached": (0.1, 0.2)})
    ways = break_even_report(ASSUMED, noise, STAGES)["ways"]
    assert {way: result["within_noise"] for way, result in ways.items()} == {
        "per_token": False,
        "own_machine": True,
        "own_machine_batch": False,
    }
    assert ways["own_machine"]["words"].endswith("within the measurement's noise")
    cached = ASSUMED.model_copy(update={"cache_hit_rate": 0.9})
    assert not break_even_report(cached, noise, STAGES)["ways"]["own_machine"]["within_noise"], "most find it kept"


def test_the_table_says_when_it_pays_and_what_was_assumed() -> None:
    table = break_even_table(break_even_report(ASSUMED, make_efficiency(), STAGES))
    assert table.title == "training cost 18.00 USD; when it has paid"
    assert list(table.columns[0].cells) == [
        "paid by the token",
        "own machine, a request at a time",
        "own machine, 16 together",
    ]
    assert next(iter(table.columns[1].cells)) == (
        "pays after 20,000 requests, 0.2 months at 100,000 a month; never if more than 5 updates a month"
    )
    assert "assumed as of: 2026-11 (evaluation.break_even in the recipe), in USD" in str(table.caption)
    assert "policy: 900 tokens, cached in 0% of requests" in str(table.caption)
