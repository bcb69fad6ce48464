import io
from pathlib import Path

import pytest
from rich.console import Console

from reporting.fake_calls import build_fake_calls_run
from reporting.fake_run import EVALUATED, build_fake_run
from trimpi.errors import RunError
from trimpi.reporting import results_markdown, results_table


def printed(run: Path) -> str:
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(results_table(run))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_table_has_base_and_every_stage_in_order(tmp_path: Path) -> None:
    text = printed(build_fake_run(tmp_path))
    positions = [text.index(label) for label in ("Base", "VM-CPT", "CoT SFT", "RL")]
    assert positions == sorted(positions)


def test_a_terminal_of_80_columns_cuts_no_cell(tmp_path: Path) -> None:
    text = printed(build_fake_run(tmp_path))
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_row_shows_accuracy_interval_n_seed_tokens_and_outcomes(tmp_path: Path) -> None:
    row = results_markdown(build_fake_run(tmp_path)).splitlines()[2]
    assert row == "| Base | 21.7% (13.1–33.6) | 61.7% (49.0–72.9) | 60 | 0 | 67, 215 | 13/22/17/8, 37/13/3/7 |"


def test_parts_stand_below_their_model_with_a_legend(tmp_path: Path) -> None:
    lines = results_markdown(build_fake_calls_run(tmp_path)).splitlines()
    assert lines[2].startswith("| Base | 21.7% (13.1–33.6) | 61.7% (49.0–72.9) | 60 |")
    assert lines[3] == "| Base: Tool Acc | 61.7% (49.0–72.9) | 78.3% (66.4–86.9) |  |  |  |  |"
    assert [line.split(" | ")[0] for line in lines[4:6]] == ["| Base: Arg Score", "| Base: Overall"]
    assert "Tool Acc: share of calls that name the right tool and version" in lines[-1]


def test_parts_fit_a_terminal_of_80_columns(tmp_path: Path) -> None:
    text = printed(build_fake_calls_run(tmp_path))
    assert "…" not in text and "Arg Score" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_run_without_parts_does_not_mention_them(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path)
    assert "Tool Acc" not in printed(run) + results_markdown(run)
    assert len(results_markdown(run).splitlines()) == len(("headings", "rule", *EVALUATED, "gap", "caption"))


def test_a_suite_that_was_not_run_is_a_dash(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path, evaluated=("base",))
    (run / "eval" / "00-base" / "in_context.json").unlink()
    assert "| Base | 21.7% (13.1–33.6) | – | 60 | 0 | 67, – | 13/22/17/8, – |" in results_markdown(run)


def test_a_run_without_evaluations_says_so(tmp_path: Path) -> None:
    assert "nothing evaluated yet" in results_markdown(build_fake_run(tmp_path, evaluated=()))


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run directory"):
        results_table(tmp_path)
