from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reporting.fake_sweep import add_job, build_fake_sweep
from trimpi.errors import RunError
from trimpi.reporting.bootstrap import bootstrap_interval
from trimpi.reporting.paired import difference_interval
from trimpi.reporting.sweep_comparison import MethodResult, SweepComparison, compare_sweeps
from trimpi.reporting.sweep_page import UNTIMED, learning_figures, write_sweep_page
from trimpi.reporting.sweep_runs import read_sweep
from trimpi.reporting.sweep_tables import paired_cells, result_cells, sweep_markdown, together_cells


def first(right: int, *, of: int = 4) -> list[bool]:
    return [number < right for number in range(of)]


ANSWERS = {
    ("sft", "3", 0): first(1),
    ("poro", "3", 0): first(3),
    ("sft", "4", 0): first(2),
    ("poro", "4", 0): [False, False, True, True],
    ("sft", "3", 1): first(2),
    ("poro", "3", 1): first(3),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build_fake_sweep(tmp_path / "sweep", ANSWERS)


def result(comparison: SweepComparison, method: str, point: str) -> MethodResult:
    return next(one for one in comparison.results if (one.method, one.point) == (method, point))


def test_runs_that_differ_in_seed_alone_are_one_row_by_hand(folder: Path) -> None:
    comparison = compare_sweeps([folder])
    assert [(row.point, row.method, list(row.seeds), row.n) for row in comparison.results] == [
        ("layers 3", "sft", [0, 1], 8),
        ("layers 3", "poro", [0, 1], 8),
        ("layers 4", "sft", [0], 4),
        ("layers 4", "poro", [0], 4),
    ]
    # 1/4 and 2/4: mean 0.375, and 12.7062 * 0.17678 / sqrt(2) is more than there is room for on both sides.
    accuracy = result(comparison, "sft", "layers 3").accuracy
    assert (accuracy.mean, accuracy.t) == (0.375, (0.0, 1.0))
    assert result(comparison, "poro", "layers 3").accuracy == replace(
        accuracy, mean=0.75, t=None, bootstrap=(0.375, 1.0)
    )


def test_a_single_seed_has_the_interval_of_its_requests_by_hand(folder: Path) -> None:
    comparison = compare_sweeps([folder])
    sft, poro = (result(comparison, method, "layers 4") for method in ("sft", "poro"))
    # Two of four are right, and each model alone got two of them.
    assert (sft.accuracy.bootstrap, sft.accuracy.t) == (None, None)
    assert result_cells(sft)[4:6] == ["15.0–85.0", "–"]
    assert poro.versus is not None
    assert poro.versus.difference.of_requests == difference_interval(2, 2, 4)
    assert result(comparison, "sft", "layers 3").accuracy.of_requests is None


def test_costs_are_means_of_a_run(folder: Path) -> None:
    row = result(compare_sweeps([folder]), "poro", "layers 3")
    assert (row.rollouts, row.rl_seconds, row.training_seconds) == (6, 12.0, 12.0)
    supervised = result(compare_sweeps([folder]), "sft", "layers 3")
    assert (supervised.rollouts, supervised.rl_seconds, supervised.training_seconds) == (0, 0.0, 12.0)


def test_a_method_is_paired_with_the_baseline_by_seed_and_request_by_hand(folder: Path) -> None:
    comparison = compare_sweeps([folder])
    assert comparison.baseline == "sft"
    assert result(comparison, "sft", "layers 3").versus is None
    versus = result(comparison, "poro", "layers 3").versus
    assert versus is not None
    # Two requests of seed 0 and one of seed 1, all in favour of poro: differences 1/2 and 1/4.
    assert (versus.only_baseline, versus.only_method, versus.difference.mean) == (0, 3, 0.375)
    assert [(seed, pair.only_second, pair.p) for seed, pair in versus.per_seed] == [(0, 2, 0.5), (1, 1, 1.0)]
    assert versus.p_items == 2 * 0.5**3
    # t = 0.375 / 0.17678 * sqrt(2) = 3 with one degree of freedom: p = 1 - 2 / pi * atan(3).
    assert versus.p_seeds == pytest.approx(0.20483, abs=1e-5)


def test_all_points_together_are_as_many_pairs_by_hand(folder: Path) -> None:
    """Differences of 1/2 and 1/4 at three layers, and of 0 at four."""
    (together,) = compare_sweeps([folder]).together
    assert (together.method, together.points, together.pairs, together.difference) == ("poro", 2, 3, 0.25)
    # The deviation is 1/4, so t = 0.25 / 0.25 * sqrt(3), and p = 1 - t / sqrt(t^2 + 2) with two degrees of freedom.
    assert together.p == pytest.approx(1 - (3 / 5) ** 0.5, abs=1e-9)
    # 4.30265 * 0.25 / sqrt(3) on both sides.
    assert together.t == pytest.approx((0.25 - 0.62103, 0.25 + 0.62103), abs=1e-4)
    assert together_cells(together) == ["poro", "2", "3", "+25.0", "−37.1 to +87.1", "0.23"]
    assert compare_sweeps([folder], baseline="poro").together[0].difference == -0.25


def test_several_sweeps_are_points_of_one_comparison(folder: Path, tmp_path: Path) -> None:
    other = build_fake_sweep(tmp_path / "other", {("sft", "3", 0): first(0), ("poro", "3", 0): first(4)})
    comparison = compare_sweeps([folder, other])
    assert comparison.points == ["sweep, layers 3", "sweep, layers 4", "other, layers 3"]
    assert [(row.points, row.pairs, row.difference) for row in comparison.together] == [(3, 4, (0.75 + 1) / 4)]
    with pytest.raises(RunError, match="go by their folders' names, which must differ"):
        compare_sweeps([folder, folder])


def test_one_point_has_nothing_to_be_put_together(tmp_path: Path) -> None:
    alone = build_fake_sweep(tmp_path / "alone", {key: right for key, right in ANSWERS.items() if key[1] == "3"})
    comparison = compare_sweeps([alone])
    assert list(comparison.together) == []
    assert "points together" not in sweep_markdown(comparison)


def test_the_baseline_may_be_chosen(folder: Path) -> None:
    versus = result(compare_sweeps([folder], baseline="poro"), "sft", "layers 4").versus
    assert versus is not None
    assert (versus.only_baseline, versus.only_method, versus.difference.mean) == (2, 2, 0.0)
    with pytest.raises(RunError, match="unknown method 'por': did you mean 'poro'"):
        compare_sweeps([folder], baseline="por")


def test_seeds_asked_the_same_requests_are_resampled_as_such(tmp_path: Path) -> None:
    answers = {("sft", "3", 0): first(20, of=40), ("sft", "3", 1): first(24, of=40)}
    values = [[float(one) for one in right] for right in answers.values()]
    for crossed in (False, True):
        comparison = compare_sweeps([build_fake_sweep(tmp_path / str(crossed), answers, crossed=crossed)])
        # The order of requests is by id in one case and as written in the other: it decides the draws, not their law.
        found = comparison.results[0].accuracy.bootstrap
        assert found == pytest.approx(bootstrap_interval(values, crossed=crossed), abs=0.02)
    assert bootstrap_interval(values, crossed=True) != pytest.approx(
        bootstrap_interval(values, crossed=False), abs=0.02
    )


def test_curves_are_averaged_over_the_seeds_step_by_step_by_hand(folder: Path) -> None:
    curve = result(compare_sweeps([folder]), "poro", "layers 3").curve
    # 0.10 and 0.11, then 0.20 and 0.21; three rollouts and, as no step was timed, half of 10 seconds a step.
    assert [(point.rollouts, point.seconds, point.timed) for point in curve] == [(3, 5.0, False), (6, 10.0, False)]
    assert [point.reward for point in curve] == [pytest.approx(0.105), pytest.approx(0.205)]


def test_curves_take_the_seconds_of_the_steps_where_all_were_timed(folder: Path) -> None:
    time_steps(folder, "3", 0, [3.0, 4.0])
    time_steps(folder, "3", 1, [6.0, 10.0])
    comparison = compare_sweeps([folder])
    curve = result(comparison, "poro", "layers 3").curve
    assert [(point.seconds, point.timed) for point in curve] == [(4.5, True), (7.0, True)]
    rows = [one for one in comparison.results if one.point == "layers 3"]
    assert not any(figure.caption.endswith(UNTIMED) for figure in learning_figures(rows, "layers 3"))

    time_steps(folder, "3", 1, [None, 10.0])
    comparison = compare_sweeps([folder])
    curve = result(comparison, "poro", "layers 3").curve
    assert [(point.seconds, point.timed) for point in curve] == [((3 + 5) / 2, False), ((4 + 10) / 2, False)]
    rows = [one for one in comparison.results if one.point == "layers 3"]
    captions = [figure.caption.endswith(UNTIMED) for figure in learning_figures(rows, "layers 3")]
    assert captions == [False, True], "rollouts are counted, seconds spread over the steps"


def test_a_stage_of_rl_begins_on_the_curve_where_the_one_before_ended(folder: Path) -> None:
    time_steps(folder, "3", 0, [3.0, 4.0])
    run = next(one for one in read_sweep(folder).runs if one.rl_stages)
    (stage,) = run.run.stages
    untimed = [{key: value for key, value in line.items() if key != "seconds"} for line in stage.metrics]
    longer = replace(run.run, stages=[stage, replace(stage, metrics=untimed), stage])
    seconds = [point.seconds for point in replace(run, run=longer).curve]
    assert seconds == [3.0, 4.0, 9.0, 14.0, 17.0, 18.0]


def time_steps(folder: Path, layers: str, seed: int, seconds: list[float | None]) -> None:
    """Give the steps of RL these seconds, or none."""
    (log,) = (folder / "runs").glob(f"poro*{layers}*seed-{seed}/stages/01-rl/metrics.jsonl")
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    rows = [{**row, "seconds": until} for row, until in zip(rows, seconds, strict=True)]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_jobs_that_are_not_finished_are_named(folder: Path) -> None:
    add_job(folder, 9, "poro.layers-4.seed-1", method="poro", point={"layers": "4"}, seed=1)
    comparison = compare_sweeps([folder])
    assert comparison.unfinished == [("poro.layers-4.seed-1", "waiting")]
    assert "left out, not finished: poro.layers-4.seed-1 (waiting)" in sweep_markdown(comparison)


def test_a_sweep_without_a_finished_job_is_refused(folder: Path) -> None:
    for manifest in folder.glob("runs/*/manifest.json"):
        manifest.write_text(json.dumps({"finished": None}))
    with pytest.raises(RunError, match="no job of the sweep"):
        compare_sweeps([folder])


def test_tables_say_it_in_words(folder: Path) -> None:
    comparison = compare_sweeps([folder])
    row = result(comparison, "poro", "layers 3")
    assert result_cells(row)[:4] == ["poro", "0, 1", "8", "75.0%"]
    assert result_cells(row)[-3:] == ["6", "12.0 s", "12.0 s"]
    assert paired_cells(row)[:3] == ["poro", "0, 1", "+37.5"]
    text = sweep_markdown(comparison)
    assert text.index("### layers 3") < text.index("| poro | 0, 1 | 8 | 75.0%") < text.index("### layers 4")


def test_the_page_has_the_same_cells_and_the_curves(folder: Path, tmp_path: Path) -> None:
    comparison = compare_sweeps([folder])
    write_sweep_page(comparison, tmp_path / "page.html", name="fake")
    html = (tmp_path / "page.html").read_text()
    for row in comparison.results:
        assert all(f">{cell}<" in html for cell in (*result_cells(row), *paired_cells(row)[:3]) if cell.isascii())
    assert html.count("<svg") == 4, "for each point, against rollouts and against seconds"
    assert "<script" not in html
