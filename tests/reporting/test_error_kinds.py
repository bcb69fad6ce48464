from dataclasses import replace
from pathlib import Path

from reporting.fake_calls import build_fake_calls_run, rewrite_suite
from reporting.fake_run import build_fake_run
from trimpi.evaluation.results import load_records
from trimpi.reporting.error_kinds import error_table
from trimpi.reporting.run_directory import read_run


def test_every_model_has_its_counts_policy_free_and_in_context(tmp_path: Path) -> None:
    table = error_table(read_run(build_fake_calls_run(tmp_path)))
    assert table is not None
    assert table.models == ["Base", "RL"]
    # The made-up records go wrong 47, 23, 4 and 18 times; every other one by its arguments.
    sums = [sum(int(row.counts[position]) for row in table.rows) for position in range(4)]
    assert sums == [47, 23, 4, 18]
    assert {row.label for row in table.rows} == {"wrong version", "wrong argument: image"}


def test_the_commonest_kind_comes_first(tmp_path: Path) -> None:
    run = build_fake_calls_run(tmp_path, evaluated=("base",))
    for path in (run / "eval").glob("*/*.jsonl"):
        records = load_records(path)
        rare = [
            replace(record, error="malformed" if position == 0 else "wrong_tool")
            for position, record in enumerate(records)
        ]
        rewrite_suite(path, rare)
    table = error_table(read_run(run))
    assert table is not None
    assert [(row.label, list(row.counts)) for row in table.rows] == [
        ("wrong tool", ["59", "59"]),
        ("malformed", ["1", "1"]),
    ]


def test_kinds_that_a_model_made_up_are_summed_in_one_row(tmp_path: Path) -> None:
    run = build_fake_calls_run(tmp_path, evaluated=("base",))
    path = run / "eval" / "00-base" / "accuracy.jsonl"
    made_up = [
        replace(record, error=f"wrong_argument:{position:02d}") for position, record in enumerate(load_records(path))
    ]
    rewrite_suite(path, made_up)
    (run / "eval" / "00-base" / "in_context.json").unlink()
    table = error_table(read_run(run))
    assert table is not None and len(table.rows) == 16
    assert (table.rows[0].label, list(table.rows[0].counts)) == ("wrong argument: 00", ["1", "–"])
    assert (table.rows[-1].label, list(table.rows[-1].counts)) == ("45 other kinds", ["45", "–"])


def test_without_kinds_of_errors_there_is_no_table(tmp_path: Path) -> None:
    assert error_table(read_run(build_fake_run(tmp_path))) is None
