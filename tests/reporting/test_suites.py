import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from evaluation.fake_efficiency import make_efficiency
from reporting.fake_run import build_fake_run
from reporting.fake_suites import break_even, build_fake_suites_run
from trimpi.errors import RunError
from trimpi.evaluation.break_even_report import break_even_report
from trimpi.recipe import BreakEvenConfig
from trimpi.reporting import write_report
from trimpi.reporting.break_even_figure import AXES, curves_of, short
from trimpi.reporting.break_even_table import break_even_table
from trimpi.reporting.figures import page_figures
from trimpi.reporting.learning_curves import zero_variance_share
from trimpi.reporting.measurements import measurement_tables
from trimpi.reporting.override_figure import override_figure
from trimpi.reporting.run_directory import Stage, read_run
from trimpi.reporting.suites_table import suite_details, suite_rows
from trimpi.reporting.tag_bars import tag_bars


def test_every_suite_of_the_folder_is_shown_known_ones_first(tmp_path: Path) -> None:
    rows = suite_rows(read_run(build_fake_suites_run(tmp_path, n=8)))
    assert [row.name for row in rows][-2:] == ["forgetting", "zoology"]
    assert [row.name for row in rows][:2] == ["accuracy", "in_context"]
    assert all(len(row.cells) == 4 and all(row.cells) for row in rows)


def test_a_suite_is_told_from_other_measurements_by_its_content(tmp_path: Path) -> None:
    run = build_fake_suites_run(tmp_path, n=4)
    base = read_run(run).base
    assert base is not None
    assert sorted(base.measurements) == ["divergence.json", "efficiency.json"] and "zoology" in base.suites


def test_a_known_suite_that_lacks_keys_is_named(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path)
    (run / "eval" / "03-rl" / "override.json").write_text("{}")
    with pytest.raises(RunError, match=r"override\.json lacks"):
        read_run(run)


def test_the_change_is_of_the_same_questions(tmp_path: Path) -> None:
    run = build_fake_suites_run(tmp_path)
    change = suite_rows(read_run(run))[0].change
    assert change is not None
    # 13 and 56 of 60 are right.
    assert change.only_second - change.only_first == 43 and change.n == 60
    path = run / "eval" / "03-rl" / "accuracy.jsonl"
    path.write_text("".join(f"{line}\n" for line in path.read_text().splitlines()[:-1]))
    assert suite_rows(read_run(run))[0].change is None


def test_unknown_details_are_keys_and_values(tmp_path: Path) -> None:
    details = {found.suite: found for found in suite_details(read_run(build_fake_suites_run(tmp_path, n=4)))}
    assert list(details["zoology"].rows) == [("animals.cat", ["3", "3"]), ("share", ["0.1235", "0.1235"])]


def test_bars_count_every_combination_of_tags(tmp_path: Path) -> None:
    bars = {found.suite: found for found in tag_bars(read_run(build_fake_suites_run(tmp_path)))}
    assert list(bars) == ["override", "override_matrix", "forgetting"]
    first = bars["override"].groups[0]
    assert first.label == "edit: one condition, affected: yes" and first.tags == {
        "edit": "one condition",
        "affected": "yes",
    }
    assert [(bar.model, bar.n) for bar in first.bars] == [("Base", 20), ("RL", 20)]
    assert sum(group.bars[0].n for group in bars["override"].groups) == 180
    assert [group.label for group in bars["forgetting"].groups] == ["color", "count", "copy", "sort", "policy T1"]


def test_suites_bring_their_figures(tmp_path: Path) -> None:
    found = page_figures(read_run(build_fake_suites_run(tmp_path, n=8)))
    titles = [figure.title for figure in found]
    assert (
        titles[2:5] == ["When training has paid", "Policy override", "Sections cited"] and titles[-1] == "RL in detail"
    )
    ids = [element.get("id") for figure in found for element in ElementTree.fromstring(figure.svg).iter()]
    named = [name for name in ids if name]
    assert len(named) == len(set(named))


def test_groups_without_variance_are_a_share_of_the_groups() -> None:
    lines = [
        {"step": 1, "groups": 8.0, "zero_variance_groups": 2.0},
        {"step": 2, "groups": 0.0, "zero_variance_groups": 0.0},
        {"step": 3, "zero_variance_groups": 1.0},
    ]
    stage = Stage(number=1, name="rl", manifest={}, metrics=lines)
    assert zero_variance_share(stage) == [(1.0, 0.25)]


def test_curves_end_where_training_never_pays() -> None:
    hit_rates, updates = (dict(curves_of(break_even(), axis)) for axis in AXES)
    ways = ["paid by the token", "own machine, 16 together"]  # a request at a time never pays
    assert list(hit_rates) == list(updates) == ways
    # A training of 1 USD: 900 tokens at 0.20 a million, and at 0.05 where they are kept
    assert hit_rates["paid by the token"][0] == (0.0, 5556.0) and hit_rates["paid by the token"][-1] == (1.0, 22223.0)
    assert updates["paid by the token"][:3] == [(0.0, 0.0), (0.25, 1389.0), (0.5, 2778.0)]
    assert [short(number) for number in (0, 300, 1500, 2e6)] == ["0", "300", "1.5k", "2M"]


def test_what_never_pays_has_no_figure_and_says_so(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path)
    free = BreakEvenConfig(input_price=0.0, cached_input_price=0.0)
    never = break_even_report(free, make_efficiency(), [])
    never["ways"] = {"per_token": never["ways"]["per_token"]}
    (run / "break_even.json").write_text(json.dumps(never))
    assert "When training has paid" not in [figure.title for figure in page_figures(read_run(run))]
    table = break_even_table(read_run(run))
    assert table is not None and [(row.way, row.saved, row.requests, row.verdict) for row in table.rows] == [
        ("paid by the token", "0 USD", "–", "never: a request costs the same without the policy")
    ]


def test_when_training_has_paid_is_a_table_with_what_it_assumes(tmp_path: Path) -> None:
    run = read_run(build_fake_suites_run(tmp_path, n=4))
    table = break_even_table(run)
    assert table is not None and (table.training, table.not_counted) == ("1.00 USD", ["02-rl"])
    token, alone, _ = table.rows
    assert (token.saved, token.requests, alone.saved) == ("0.18 USD", "5,556", "−0.056 USD")
    assert alone.verdict.startswith("never: a request costs ")
    assert ("requests a month", "100,000") in table.assumptions
    assert "break_even.json" not in [measured.file for measured in measurement_tables(run)]


def test_the_override_figure_is_about_the_edits_that_have_requests(tmp_path: Path) -> None:
    run = read_run(build_fake_suites_run(tmp_path, n=6))
    (figure,) = [figure for figure in page_figures(run) if figure.title == "Policy override"]
    for text in ("everything", "RL, old answer", "answers that it leaves"):
        assert f">{text}<" in figure.svg
    assert override_figure(read_run(build_fake_run(tmp_path / "plain"))) is None


def test_details_are_said_in_sentences_first(tmp_path: Path) -> None:
    details = {found.suite: found for found in suite_details(read_run(build_fake_suites_run(tmp_path, n=6)))}
    (base, lines), (latest, _) = details["override"].sentences
    assert (base, latest) == ("Base", "RL") and lines[0].startswith("one condition edited: of the requests it affects ")
    assert details["zoology"].sentences == []


def test_the_latest_measurement_of_a_name_is_shown(tmp_path: Path) -> None:
    tables = measurement_tables(read_run(build_fake_suites_run(tmp_path, n=4)))
    assert [table.file for table in tables] == [
        "eval/03-rl/divergence.json",
        "eval/03-rl/efficiency.json",
    ]


def test_everything_is_on_the_page(tmp_path: Path) -> None:
    html = write_report(build_fake_suites_run(tmp_path, n=8)).read_text(encoding="utf-8")
    for section in ("suites", "kinds", "sections", "figures", "requests", "browse", "measurements", "provenance"):
        assert f'<section id="{section}">' in html and f'href="#{section}"' in html
