import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reporting.fake_run import build_fake_run
from reporting.fake_suites import build_fake_suites_run, write_suite
from trimpi.evaluation.results import load_records
from trimpi.reporting.page import inert_json
from trimpi.reporting.pictures import Pictures
from trimpi.reporting.record_browser import LONGEST_TEXT, MOST_STEPS, RecordBrowser, record_browser
from trimpi.reporting.record_links import records_link
from trimpi.reporting.run_directory import read_run


def browser_of(path: Path, **settings: Any) -> RecordBrowser:
    run = read_run(path)
    found = record_browser(run, run.compared, Pictures(path), **settings)
    assert found is not None
    return found


def test_every_record_of_the_compared_models_is_there(tmp_path: Path) -> None:
    found = browser_of(build_fake_suites_run(tmp_path, n=8))
    assert found.data["models"] == ["Base", "RL"] and not found.left_out
    suites = ["accuracy", "in_context", "override", "override_matrix", "referral", "branching", "forgetting", "zoology"]
    assert [suite for suite, _ in found.data["suites"]] == suites
    assert found.number == found.total == len(found.data["records"]) == 2 * 8 * (1 + 1 + 3 + 3 + 1 + 1 + 5 + 1)


def test_texts_and_pictures_are_held_once(tmp_path: Path) -> None:
    data = browser_of(build_fake_suites_run(tmp_path, n=8)).data
    assert len(data["pictures"]) == 8 == len(set(data["pictures"]))
    assert len(data["texts"]) == len(set(data["texts"]))


def test_a_record_says_what_its_line_says(tmp_path: Path) -> None:
    run = build_fake_suites_run(tmp_path, n=4, evaluated=("base",))
    data = browser_of(run).data
    (line, *_) = load_records(run / "eval" / "00-base" / "referral.jsonl")
    row = next(row for row in data["records"] if data["suites"][row["suite"]][0] == "referral" and row["id"] == line.id)
    for key, text in (("request", line.request), ("completion", line.completion), ("gold", line.gold)):
        assert data["texts"][row[key]] == text
    assert [step["verdict"] for step in row["steps"]] == [step["verdict"] for step in line.steps]
    assert data["outcomes"][row["outcome"]][0] == line.outcome


def test_what_does_not_fit_is_left_out_and_counted_in_turns(tmp_path: Path) -> None:
    run = build_fake_suites_run(tmp_path, n=40)
    everything = browser_of(run)
    found = browser_of(run, most_bytes=120_000)
    assert 0 < found.number < everything.number and found.total == everything.number
    assert len(json.dumps(found.data)) < 140_000
    taken = {(suite.model, suite.suite): suite.held for suite in found.held}
    assert max(taken.values()) - min(taken.values()) <= 1
    assert found.left_out == found.held


def test_the_room_that_markup_and_other_scripts_take_is_counted(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path, n=60, evaluated=("base",))
    path = run / "eval" / "00-base" / "accuracy.jsonl"
    records = [replace(record, completion=f"{record.id}{'<語' * 2000}") for record in load_records(path)]
    write_suite(path.parent, "accuracy", records)
    found = browser_of(run, most_bytes=200_000)
    assert found.number > 0 and len(inert_json(found.data).encode()) < 230_000


def test_wrong_answers_of_the_last_model_go_in_first(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path, n=60, evaluated=("base", "rl"))
    data = browser_of(run, most_bytes=30_000).data
    last = [row for row in data["records"] if row["model"] == 1 and row["suite"] == 0]
    assert len(last) > 4
    assert sum(data["outcomes"][row["outcome"]][0] != "correct" for row in last) == 4


def test_long_texts_and_many_steps_are_cut_with_their_numbers(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path, n=4, evaluated=("base",))
    path = run / "eval" / "00-base" / "accuracy.jsonl"
    (first, *others) = load_records(path)
    steps = [{"text": "x", "verdict": "right"}] * (MOST_STEPS + 7)
    write_suite(path.parent, "accuracy", [replace(first, completion="x" * 1_000_000, steps=steps), *others])
    data = browser_of(run).data
    row = next(row for row in data["records"] if row["id"] == first.id and row["suite"] == 0)
    assert data["texts"][row["completion"]] == ["x" * LONGEST_TEXT, 1_000_000 - LONGEST_TEXT]
    assert len(row["steps"]) == MOST_STEPS and row["more_steps"] == 7


def test_an_image_that_is_gone_is_named(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path, n=1, evaluated=("base",))
    next((run / "data" / "images").iterdir()).unlink()
    assert browser_of(run).data["records"][0]["pictures"] == ["scene_0000.png"]


def test_pictures_that_the_page_has_are_not_put_in_again(tmp_path: Path) -> None:
    run = read_run(build_fake_run(tmp_path, n=3, evaluated=("base",)))
    pictures = Pictures(tmp_path)
    elsewhere = pictures.number(str(tmp_path / "data" / "images" / "scene_0001.png"))
    found = record_browser(run, run.compared, pictures)
    assert found is not None and elsewhere == 0
    assert found.data["pictures"][0] is None and all(found.data["pictures"][1:])


def test_images_beyond_their_room_are_counted_and_their_records_kept(tmp_path: Path) -> None:
    run = read_run(build_fake_run(tmp_path, n=20, evaluated=("base",)))
    found = record_browser(run, run.compared, Pictures(tmp_path, most_bytes=2000))
    assert found is not None and found.number == 40
    assert 0 < len(found.data["pictures"]) < 20 and found.pictures_left_out == 20 - len(found.data["pictures"])
    assert sum(isinstance(row["pictures"][0], str) for row in found.data["records"]) == 2 * found.pictures_left_out


def test_without_records_there_is_no_browser(tmp_path: Path) -> None:
    run = read_run(build_fake_run(tmp_path, evaluated=()))
    assert record_browser(run, run.compared, Pictures(tmp_path)) is None


def test_two_stages_of_a_kind_are_told_apart(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path, n=2, evaluated=("base", "rl"))
    (run / "eval" / "03-rl").rename(run / "eval" / "04-rl")
    build_fake_run(tmp_path / "other", n=2, evaluated=("rl",))
    (tmp_path / "other" / "eval" / "03-rl").rename(run / "eval" / "03-rl")
    record = read_run(run)
    assert [record.model_name(found) for found in record.evaluations] == ["Base", "RL (3)", "RL (4)"]


def test_links_escape_what_they_name() -> None:
    assert records_link({"edit": "a&b"}, suite="override", model=None) == "#browse?suite=override&tag%3Aedit=a%26b"
    with pytest.raises(ValueError, match="not filtered by colour"):
        records_link(colour="red")
