from __future__ import annotations

import json
from pathlib import Path

from reporting.fake_run import build_fake_run
from reporting.test_report import HOSTILE, report

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
    text = " ".join(page.text.partition("This run trained")[2].partition("Accuracy on unseen")[0].split())
    assert text.startswith("version 3 of Desk from version 1, whose model is the base of this page. The text before")
    assert "−went:Say left." in text and f"+came:{HOSTILE}" in text
    assert "for training, 3 were trained on again" in text
    assert "Train 2 1 4 0" in text and "Test 1 0 1,234 5" in text
    # Wilson's interval of 1 of 10, by hand: (0.1 + 0.1921 ± 1.96 √(0.009 + 0.0096)) / 1.3842
    assert "Affected 10 10.0%1.8–40.4 50.0%23.7–76.3 90.0%59.6–98.2 p = 0.0078" in text
    assert "Old answers" not in text.partition("Before against after")[2]
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
    assert "update" not in {attributes.get("id") for _, attributes in page.tags}
    assert "versions.json" not in page.text
