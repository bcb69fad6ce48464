"""Tables of suites, as they are printed."""

from __future__ import annotations

import io

from rich.console import Console

from evaluation.fake_efficiency import make_efficiency
from evaluation.test_wording import result
from trimpi.cli.tables import efficiency_tables, suite_tables
from trimpi.evaluation.efficiency_result import EfficiencyResult, query_point
from trimpi.evaluation.timing import saving


def printed(*results: object) -> list[str]:
    console = Console(width=120, record=True, file=io.StringIO())
    for table in suite_tables("nano", results):  # type: ignore[arg-type]
        console.print(table)
    return [" ".join(line.split()) for line in console.export_text().splitlines() if line.strip()]


def test_a_suite_is_a_row_with_every_outcome_and_its_interval() -> None:
    lines = printed(result("accuracy", {}))
    assert lines[1] == "suite n accuracy 95 % interval majority wrong no answer truncated tokens"
    assert lines[-1] == "accuracy 4 25.0% 5.0% - 70.0% 50.0% 1 1 1 8"


def test_tags_get_rows_of_their_own_with_their_intervals() -> None:
    tags = {"edit": {"one rule": {"n": 29, "correct": 1}, "all [rules]": {"n": 20, "correct": 0}}}
    lines = printed(result("accuracy", {}), result("override", {}, per_tag=tags))
    assert "override: edit one rule 29 3.4% 0.6% - 17.2%" in lines
    assert "override: edit all [rules] 20 0.0% 0.0% - 16.1%" in lines


def test_a_saving_within_noise_is_no_number() -> None:
    seconds = {"policy_free": 1.0, "policy_aware": 1.01}
    tokens = {"policy_free": 100, "policy_aware": 300}
    found = {"prefill_saved": saving([1.0, 1.2], [1.1, 1.1]), "latency_saved": saving([1.0, 1.0], [2.0, 2.0])}
    point = query_point(128, tokens, seconds, seconds, found)
    quiet, noisy = make_efficiency(), make_efficiency(query_lengths=[point], intervals={"prefill_saved": (-0.02, 0.03)})
    assert "first token saved without the policy: 80.0% (paired runs, 95 % interval 78.0% to 82.0%)" in caption(quiet)
    assert "first token saved without the policy: within noise (paired runs, 95 % interval -2.0% to 3.0%)" in (
        caption(noisy)
    )
    _, lengths = efficiency_tables("nano", noisy)
    assert [next(iter(column.cells)) for column in lengths.columns] == ["128", "66.7%", "noise", "50.0%", "-", "-"]
    assert str(lengths.caption).startswith("noise: ")


def caption(result: EfficiencyResult) -> str:
    return str(efficiency_tables("nano", result)[0].caption)


def test_without_tags_there_is_one_table() -> None:
    assert len(suite_tables("nano", [result("accuracy", {})])) == 1
