import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from reporting.fake_run import build_fake_run
from trimpi.reporting.drawing import PageFigure, curve, smooth
from trimpi.reporting.figures import page_figures
from trimpi.reporting.learning_curves import dropped_share, learning_figures
from trimpi.reporting.run_directory import Stage, read_run
from trimpi.reporting.svg import VARIABLES


def figures(run: Path) -> list[PageFigure]:
    return page_figures(read_run(run))


def test_a_finished_run_has_every_figure_as_wellformed_svg(tmp_path: Path) -> None:
    found = figures(build_fake_run(tmp_path))
    assert [figure.title for figure in found] == [
        "Accuracy by stage",
        "What the prompt costs",
        "Training loss",
        "RL reward",
    ]
    for figure in found:
        assert ElementTree.fromstring(figure.svg).tag.endswith("svg")


def test_figures_use_the_colours_and_the_font_of_the_page(tmp_path: Path) -> None:
    svg = "".join(figure.svg for figure in figures(build_fake_run(tmp_path)))
    assert "var(--free)" in svg and "var(--aware)" in svg and "var(--muted)" in svg
    assert not any(colour in svg for colour in VARIABLES)
    assert "font-family" not in svg


def test_ids_are_unique_over_all_figures_of_a_page(tmp_path: Path) -> None:
    ids = [
        element.get("id")
        for figure in figures(build_fake_run(tmp_path))
        for element in ElementTree.fromstring(figure.svg).iter()
        if element.get("id")
    ]
    assert len(ids) == len(set(ids))


def test_the_same_run_gives_the_same_figures(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path)
    assert figures(run) == figures(run)


def test_figures_without_data_are_left_out(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path, stages=("vm_cpt",), evaluated=())
    assert [figure.title for figure in figures(run)] == ["Training loss"]


def test_a_stage_name_is_text_in_a_figure_never_markup_or_mathematics(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path, stages=(), evaluated=("base",))
    (run / "eval" / "00-base").rename(run / "eval" / "00-a<script>$x_$b")
    (figure, _) = figures(run)
    assert "a&lt;script&gt;$x_$b" in figure.svg


def test_a_curve_keeps_finite_numbers_only() -> None:
    lines = [
        {"step": 1, "loss": 2.0},
        {"step": 2, "loss": float("nan")},
        {"step": 3},
        {"loss": 1},
        {"step": 4, "loss": "x"},
    ]
    stage = Stage(number=1, name="rl", manifest={}, metrics=lines)
    assert curve(stage, "loss") == [(1.0, 2.0)]


def test_smoothing_averages_as_many_neighbours_on_both_sides() -> None:
    assert smooth([1, 2, 6, 2, 4], reach=1) == pytest.approx([1, 3, 10 / 3, 4, 4])
    assert smooth([1, 2, 3, 4, 5], reach=2) == pytest.approx([1, 2, 3, 4, 5])


def test_what_the_policy_gained_before_rl_and_why_it_ended_stand_beside_its_curves(tmp_path: Path) -> None:
    gate = {"examples": 64, "accuracy_policy_free": 0.25, "accuracy_policy_aware": 0.75}
    lines = [
        {
            "step": step,
            "reward": 0.5,
            "reward_gap": 0.2,
            "groups": 4.0,
            "dropped_solved": 1.0,
            "dropped_failed": 1.0,
            "dropped_equal": 0.0,
        }
        for step in (1, 2)
    ]
    stage = Stage(number=3, name="rl", manifest={"ended_early": "ended before step 3"}, metrics=lines, gate=gate)
    run = replace(read_run(build_fake_run(tmp_path)), stages=[stage])
    (figure,) = learning_figures(run)
    assert (
        "25.0% of 64 training requests right without the policy; with it in the prompt it had 75.0%" in figure.caption
    )
    assert "The stage ended before step 3." in figure.caption
    assert dropped_share(stage) == [(1.0, 0.5), (2.0, 0.5)]
