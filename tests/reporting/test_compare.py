import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from reporting.fake_calls import build_fake_calls_run
from reporting.fake_run import build_fake_run
from trimpi.errors import RunError
from trimpi.interval import wilson_interval
from trimpi.reporting.compare import Comparison, compare_runs, comparison_markdown, comparison_table, write_comparison


def run_with(folder: Path, *, right: int = 56, evaluated: tuple[str, ...] = ("base", "rl"), **recipe: Any) -> Path:
    """A run of 60 requests; `right` of them are right policy-free after the last stage."""
    run = build_fake_run(folder, evaluated=evaluated)
    change_recipe(run, recipe)
    path = run / "eval" / "03-rl" / "accuracy.json"
    if path.is_file():
        found = {"correct": right, "accuracy": right / 60, "interval": wilson_interval(right, 60)}
        path.write_text(json.dumps({**json.loads(path.read_text()), **found}))
    return run


def change_recipe(run: Path, changes: Mapping[str, Any]) -> None:
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    (run / "recipe.yaml").write_text(yaml.safe_dump({**recipe, **changes}))


def names(comparison: Comparison) -> list[str]:
    return [row.name for row in comparison.rows]


def printed(comparison: Comparison) -> str:
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(comparison_table(comparison))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_run_is_one_row_with_base_and_last_model(tmp_path: Path) -> None:
    lines = comparison_markdown(compare_runs([run_with(tmp_path / "quickstart")])).splitlines()
    assert lines[2] == (
        "| quickstart | nano | VM-CPT, CoT SFT, RL | 0 | 60 "
        "| 21.7% (13.1–33.6) | 61.7% (49.0–72.9) | 93.3% (84.1–97.4) | 70.0% (57.5–80.1) |"
    )
    assert len(lines) == 5 and "Wilson" in lines[4] and "mean" not in lines[4]


def test_runs_that_differ_only_in_seed_get_a_mean_row(tmp_path: Path) -> None:
    rights = (42, 48, 54)
    runs = [run_with(tmp_path / f"s{seed}", seed=seed, right=right) for seed, right in enumerate(rights)]
    comparison = compare_runs(runs)
    mean = comparison.rows[-1]
    assert (mean.name, mean.seed, mean.n) == ("mean of 3 seeds", "0, 1, 2", "60")
    # 0.7, 0.8 and 0.9: mean 0.8, and 4.3027 * 0.1 / sqrt(3) = 0.2484 to each side, cut at 1.
    assert "| 80.0% (55.2–100.0) |" in comparison_markdown(comparison)
    assert "t interval" in comparison.legend


def test_a_mean_of_equal_values_claims_no_interval(tmp_path: Path) -> None:
    comparison = compare_runs([run_with(tmp_path / f"s{seed}", seed=seed) for seed in range(2)])
    assert comparison_markdown(comparison).splitlines()[4].endswith("| 21.7% (–) | 61.7% (–) | 93.3% (–) | 70.0% (–) |")


def test_runs_of_one_seed_get_no_mean(tmp_path: Path) -> None:
    runs = [run_with(tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))]
    assert names(compare_runs(runs)) == ["quickstart (a)", "quickstart (b)", "quickstart (c)"]


def test_runs_that_differ_in_more_than_the_seed_get_no_mean(tmp_path: Path) -> None:
    runs = [run_with(tmp_path / "a"), run_with(tmp_path / "b", seed=1, model={"path": "other"})]
    assert not compare_runs(runs).has_means


def test_runs_that_got_unequally_far_get_no_mean(tmp_path: Path) -> None:
    runs = [run_with(tmp_path / "a"), run_with(tmp_path / "b", seed=1, evaluated=("base", "vm_cpt"))]
    comparison = compare_runs(runs)
    assert not comparison.has_means
    assert [row.stages for row in comparison.rows] == ["VM-CPT, CoT SFT, RL", "VM-CPT (1 of 3)"]


def test_seeds_of_one_experiment_stand_together_under_any_name(tmp_path: Path) -> None:
    runs = [
        run_with(tmp_path / "a0", name="a0"),
        run_with(tmp_path / "b0", name="b0", model={"path": "other"}),
        run_with(tmp_path / "a1", name="a1", seed=1),
    ]
    assert names(compare_runs(runs)) == ["a0", "a1", "mean of 2 seeds", "b0"]


def test_a_measure_that_one_seed_lacks_has_no_mean(tmp_path: Path) -> None:
    runs = [run_with(tmp_path / f"s{seed}", seed=seed, right=40 + seed) for seed in range(2)]
    (runs[1] / "eval" / "00-base" / "in_context.json").unlink()
    mean = compare_runs(runs).rows[-1]
    assert mean.accuracy[1] is None and mean.accuracy[0] is not None


def test_parts_of_the_score_stand_below_their_run(tmp_path: Path) -> None:
    runs = [build_fake_calls_run(tmp_path / "calls"), run_with(tmp_path / "quickstart")]
    comparison = compare_runs(runs)
    lines = comparison_markdown(comparison).splitlines()
    assert lines[3] == (
        "| quickstart (calls): Tool Acc |  |  |  |  "
        "| 61.7% (49.0–72.9) | 78.3% (66.4–86.9) | 98.3% (91.1–99.7) | 81.7% (70.1–89.4) |"
    )
    assert [line.split(" | ")[0] for line in lines[4:7]] == [
        "| quickstart (calls): Arg Score",
        "| quickstart (calls): Overall",
        "| quickstart",
    ]
    assert "Overall: half Tool Acc and half Arg Score" in comparison.legend


def test_parts_have_means_over_seeds(tmp_path: Path) -> None:
    runs = [build_fake_calls_run(tmp_path / f"s{seed}", n=40 + 20 * seed) for seed in range(2)]
    change_recipe(runs[1], {"seed": 1})
    first, second, mean = compare_runs(runs).rows
    values = [row.parts["tool"][0] for row in (first, second, mean)]
    assert all(values)
    assert values[2].value == pytest.approx((values[0].value + values[1].value) / 2)  # type: ignore[union-attr]
    assert mean.n == "40, 60"


def test_a_terminal_of_80_columns_cuts_no_number(tmp_path: Path) -> None:
    runs = [
        run_with(tmp_path / f"s{seed}", seed=seed, right=60 - seed, model={"path": "Qwen/Qwen2.5-VL-7B-Instruct"})
        for seed in range(5)
    ]
    text = printed(compare_runs(runs))
    assert "…" not in text and max(map(len, text.splitlines())) <= 80
    for expected in ("100.0%", "94.0–100.0", "49.0–72.9", "mean of 5"):
        assert expected in text


def test_names_are_neither_markup_nor_cells(tmp_path: Path) -> None:
    comparison = compare_runs([run_with(tmp_path / "a", name="[red]x|y", model={"path": "m|n"})])
    assert "[red]x|y" in printed(comparison).replace("\n", "")
    assert "| [red]x\\|y (a) | m\\|n |" in comparison_markdown(comparison)


def test_a_run_in_progress_has_dashes_for_the_last_model(tmp_path: Path) -> None:
    (row,) = compare_runs([run_with(tmp_path / "a", evaluated=("base",))]).rows
    assert row.stages == "none (0 of 3)" and row.accuracy[2:] == (None, None)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"gone is not a run directory.*give the folder"):
        compare_runs([tmp_path / "gone"])


def test_a_run_without_evaluations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"a has no finished evaluation: .* or leave it out"):
        compare_runs([run_with(tmp_path / "a", evaluated=())])


def test_the_same_run_twice_is_refused(tmp_path: Path) -> None:
    run = run_with(tmp_path / "a")
    with pytest.raises(RunError, match="is given twice"):
        compare_runs([run, run / ".." / "a"])


def test_a_folder_in_place_of_the_markdown_file_is_refused_and_left_clean(tmp_path: Path) -> None:
    comparison = compare_runs([run_with(tmp_path / "a")])
    folder = tmp_path / "tables" / "out"
    folder.mkdir(parents=True)
    with pytest.raises(RunError, match="cannot be written"):
        write_comparison(comparison, folder)
    assert list(folder.parent.iterdir()) == [folder]


def test_a_file_in_place_of_the_markdown_files_folder_is_refused(tmp_path: Path) -> None:
    comparison = compare_runs([run_with(tmp_path / "a")])
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        write_comparison(comparison, tmp_path / "file" / "table.md")
