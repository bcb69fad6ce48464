from pathlib import Path
from typing import Any

import pytest
import yaml

from reporting.fake_calls import build_fake_calls_run
from reporting.fake_run import build_fake_run
from reporting.fake_suites import build_fake_suites_run
from trimpi.reporting.methods import method_of
from trimpi.reporting.paper_figures import BIG, METHODS, PAPER_FIGURES
from trimpi.reporting.paper_table import PaperTable, paper_tables
from trimpi.reporting.run_directory import read_run


def tables(run: Path, **task: Any) -> list[PaperTable]:
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    recipe["task"].update(task)
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return paper_tables([("ours", read_run(run))])


def figure(suite: str, setting: tuple[str, int | None], method: str, model: str = BIG) -> list[float]:
    return [
        found.value
        for found in PAPER_FIGURES
        if (found.suite, found.setting, found.method, found.model) == (suite, setting, method, model)
    ]


@pytest.mark.parametrize(
    ("suite", "setting", "method", "value"),
    [
        ("accuracy", ("T", 6), "In-context", 13.15),
        ("accuracy", ("M", 6), "TriMPI, PoRo-DAPO", 85.0),
        ("accuracy", ("gta", None), "TriMPI, PoRo-GRPO", 81.06),
        ("accuracy", ("M", 4), "CoT SFT + GRPO", 87.1),
        ("accuracy", ("T", 2), "In-context", 72.0),
        ("override", ("M", 6), "CoT SFT", 25.2),
        ("referral", ("gta", None), "TriMPI, PoRo-DAPO", 9.13),
        ("in_context", ("T", 6), "TriMPI, PoRo-GRPO", 35.15),
    ],
)
def test_figures_are_the_papers(suite: str, setting: tuple[str, int | None], method: str, value: float) -> None:
    assert figure(suite, setting, method) == [value]


def test_what_the_paper_does_not_have_is_not_there() -> None:
    assert figure("accuracy", ("gta", None), "CoT SFT + GRPO") == []
    assert figure("accuracy", ("T", 4), "VM-CPT + CoT SFT") == []
    assert {found.setting for found in PAPER_FIGURES if found.suite != "accuracy"} == {
        ("T", 6),
        ("M", 6),
        ("gta", None),
    }
    assert len({(f.suite, f.setting, f.method, f.model) for f in PAPER_FIGURES}) == len(PAPER_FIGURES)


@pytest.mark.parametrize(
    ("stages", "name"),
    [
        ([{"type": "direct_sft"}], "Direct SFT"),
        ([{"type": "vm_cpt"}, {"type": "cot_sft"}], "VM-CPT + CoT SFT"),
        ([{"type": "cot_sft"}, {"type": "rl", "policy_aware_share": 0}], "CoT SFT + GRPO"),
        ([{"type": "cot_sft"}, {"type": "rl"}], "CoT SFT + PoRo-GRPO"),
        ([{"type": "vm_cpt"}, {"type": "cot_sft"}, {"type": "rl", "policy_aware_share": 0.0}], "TriMPI, GRPO, no PoRo"),
        (
            [{"type": "vm_cpt"}, {"type": "cot_sft"}, {"type": "rl", "algorithm": {"type": "dapo"}}],
            "TriMPI, PoRo-DAPO",
        ),
        ([{"type": "vm_cpt"}, {"type": "rl"}], "VM-CPT + RL"),
        ([], "Base"),
    ],
)
def test_stages_have_the_papers_names(stages: list[dict[str, Any]], name: str) -> None:
    assert method_of(stages) == name


def test_our_models_stand_in_their_methods_rows(tmp_path: Path) -> None:
    (table,) = tables(build_fake_suites_run(tmp_path), layers=6)
    assert table.setting == "ClevrPolicy-M, N = 6" and table.models == ["Qwen2.5-VL-7B", "Qwen2.5-VL-3B"]
    accuracy, override, referral, in_context = table.blocks
    rows = {row.method: row for row in accuracy.rows}
    assert list(rows) == [*METHODS, "VM-CPT"]
    assert rows["In-context"].ours[0].value == "61.7%"  # type: ignore[union-attr]
    assert rows["TriMPI, PoRo-GRPO"].ours[0].value == "93.3%"  # type: ignore[union-attr]
    assert rows["TriMPI, PoRo-GRPO"].paper == ["84.70%", "78.80%"]
    assert rows["Direct SFT"].ours == [None] and rows["VM-CPT"].paper == [None, None]
    # Over the newly sampled tree alone: 60 of the 180 questions.
    assert {row.method: row for row in override.rows}["TriMPI, PoRo-GRPO"].ours[0].n == 60  # type: ignore[union-attr]
    # 56 of 60 right at 10 points, the others at 2.5.
    assert {row.method: row for row in referral.rows}["TriMPI, PoRo-GRPO"].ours[0].value == "9.50"  # type: ignore[union-attr]
    assert "In-context" not in {row.method for row in in_context.rows}


def test_tool_calls_are_compared_by_their_overall_score(tmp_path: Path) -> None:
    run = build_fake_calls_run(tmp_path)
    (table,) = tables(run)
    row = next(row for row in table.blocks[0].rows if row.method == "TriMPI, PoRo-GRPO")
    score = read_run(run).latest.accuracy.score.mean  # type: ignore[union-attr]
    assert row.ours[0].value == f"{100 * score:.1f}%" and row.paper == ["81.06%"]  # type: ignore[union-attr]


def test_a_setting_the_paper_does_not_have_gives_no_table(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path)
    assert tables(run, layers=3) == []
    assert tables(run, layers=2) == []  # the paper has N = 2 as text only
    assert tables(run, type="custom") == []
