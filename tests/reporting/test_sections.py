import json
from pathlib import Path

from reporting.fake_calls import build_fake_calls_run
from reporting.fake_run import build_fake_run
from trimpi.reporting.run_directory import read_run
from trimpi.reporting.sections import by_number, section_tables
from trimpi.tasks.gta.rules import GTA_RULES


def keep_first_records(run: Path, model: str, number: int, **changes: object) -> None:
    path = run / "eval" / model / "accuracy.jsonl"
    rows = [{**json.loads(line), **changes} for line in path.read_text().splitlines()[:number]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_sections_of_policies_with_the_same_ids_are_kept_apart(tmp_path: Path) -> None:
    tables = section_tables(read_run(build_fake_run(tmp_path)))
    assert [table.policy for table in tables] == ["L2-Ovelka", "L2-Surinu"]
    for table in tables:
        assert [row.id for row in table.rows] == ["1", "1.1", "1.2"]
        whole, *branches = table.rows
        assert (whole.n, whole.correct) == (30, sum(row.correct for row in branches))
        assert not table.has_tool


def test_rules_stand_in_the_order_of_their_document(tmp_path: Path) -> None:
    (table,) = section_tables(read_run(build_fake_calls_run(tmp_path)))
    assert [row.id for row in table.rows] == list(GTA_RULES.rule_ids)


def test_a_rule_counts_requests_right_calls_and_right_tools(tmp_path: Path) -> None:
    run = build_fake_calls_run(tmp_path, evaluated=("base",))
    parts = {"tool": 1.0, "argument": 0.5, "overall": 0.75}
    keep_first_records(run, "00-base", 4, sections=["ocr.2"], outcome="wrong", parts=parts)
    (table,) = section_tables(read_run(run))
    (row,) = table.rows
    assert (row.id, row.n, row.correct, row.tool_right) == ("ocr.2", 4, 0, 4)
    assert row.accuracy == 0.0 and row.interval[0] == 0.0 and round(row.interval[1], 4) == 0.4899


def test_a_rule_the_book_does_not_have_comes_last(tmp_path: Path) -> None:
    run = build_fake_calls_run(tmp_path)
    keep_first_records(run, "03-rl", 2, sections=["a.1", "tip.4"])
    (table,) = section_tables(read_run(run))
    assert [row.id for row in table.rows] == ["tip.4", "a.1"]


def test_the_latest_model_is_shown_and_the_base_where_there_is_none(tmp_path: Path) -> None:
    trained, untrained = build_fake_run(tmp_path / "a"), build_fake_run(tmp_path / "b", evaluated=("base",))
    correct = [sum(table.rows[0].correct for table in section_tables(read_run(run))) for run in (trained, untrained)]
    assert correct == [56, 13]


def test_records_without_sections_give_no_table(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path, evaluated=("base",))
    keep_first_records(run, "00-base", 60, sections=[])
    assert section_tables(read_run(run)) == []


def test_numbers_in_ids_sort_as_numbers_and_parents_first() -> None:
    ids = ["1.10", "1.2", "1.1.2", "1", "1.1", "2", "1.1.1"]
    assert sorted(ids, key=by_number) == ["1", "1.1", "1.1.1", "1.1.2", "1.2", "1.10", "2"]


def test_an_id_of_very_many_digits_still_sorts() -> None:
    assert len(sorted(["9" * 10_000, "1", "x"], key=by_number)) == 3
