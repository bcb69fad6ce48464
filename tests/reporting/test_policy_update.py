from __future__ import annotations

import json
from pathlib import Path

from reporting.fake_run import build_fake_run
from reporting.test_report import HOSTILE, report
from trimpi.reporting.model_card import model_card
from trimpi.reporting.run_directory import read_run

PLAN = {
    "number": 3,
    "parent": 1,
    "policy": {"name": "Desk"},
    "opening": True,
    "reordered": False,
    "sections": [{"kind": "changed", "section": "Red", "lines": ["-Say left.", f"+{HOSTILE}"]}],
    "rows": {
        "train": {"changed": ["a", "b"], "confirmed": ["c"], "untouched": ["d", "e", "f", "g"], "unanswered": []},
        "test": {"changed": ["h"], "confirmed": [], "untouched": ["i"] * 1234, "unanswered": ["j"] * 5},
    },
    "replayed": ["d", "e", "f"],
}
RESULTS = {
    "groups": [
        {"name": "affected", "before": [1, 10], "in_context": [5, 10], "after": [9, 10], "p": 0.0078},
        {"name": "old answers", "before": [0, 0], "in_context": [0, 0], "after": [0, 0], "p": 1.0},
    ],
    "seconds": 30.0,
    "first_seconds": 120.0,
}


def updated_run(folder: Path) -> Path:
    run = build_fake_run(folder / "02" / "run")
    (folder / "02" / "update.json").write_text(json.dumps(PLAN))
    return run


def test_the_report_of_an_update_opens_with_what_it_did(tmp_path: Path) -> None:
    run = updated_run(tmp_path)
    (tmp_path / "02" / "results.json").write_text(json.dumps(RESULTS))
    page = report(run)
    sections = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    assert sections[:2] == ["update", "results"]
    text = " ".join(page.text.partition("This run trained version")[2].partition("Accuracy on unseen")[0].split())
    assert text.startswith("3 of Desk from version 1, whose model is the base of this page. The text before")
    assert "−went:Say left." in text and f"+came:{HOSTILE}" in text
    assert "for training, 3 were trained on again" in text
    packed = "".join(text.split())
    assert "Train2140" in packed and "Test101,2345" in packed
    # Wilson's interval of 1 of 10, by hand: (0.1 + 0.1921 ± 1.96 √(0.009 + 0.0096)) / 1.3842
    assert "Affected1010.0%1.8–40.450.0%23.7–76.390.0%59.6–98.2p=0.0078" in packed
    assert "Old answers" not in text.partition("Differ?")[2]
    assert "The training took 30.0 s, 25% of the 2 min 00 s of the first version." in text


def test_an_update_that_is_not_measured_says_so(tmp_path: Path) -> None:
    text = report(updated_run(tmp_path)).text
    assert "What it did has not been measured yet." in text and "The training took" not in text


def test_ordinary_runs_have_nothing_of_it(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path / "run")
    assert "update" not in {attributes.get("id") for _, attributes in report(run).tags}
    (tmp_path / "update.json").write_text('{"number": 2}')  # another program's
    (run / "versions.json").write_text('{"current": 2, "updates": []}')
    page = report(run)
    assert not {"update"} & {attributes.get("id") for _, attributes in page.tags}
    assert "versions.json" not in page.text


def test_the_card_of_an_updated_model_says_where_it_comes_from(tmp_path: Path) -> None:
    run = updated_run(tmp_path)
    (tmp_path / "02" / "results.json").write_text(json.dumps(RESULTS))
    parity = {"tokens": 10, "prompts": 2, "difference": 0.0, "bound": 0.001}
    about = {"trimpi": "0.1.0", "instruction": "Think.", "weights": "merged", "parity": parity}
    card = model_card(read_run(run), stage="01-vm_cpt", name="desk", about=about)
    assert "Version 3 of Desk, trained from the model of version 1" in card
    assert "| affected | 10 | 10.0% (1.8–40.4) | 90.0% (59.6–98.2) | p = 0.0078 |" in card
    ordinary = build_fake_run(tmp_path / "ordinary")
    assert "## Version" not in model_card(read_run(ordinary), stage="01-vm_cpt", name="desk", about=about)
