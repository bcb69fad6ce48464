from __future__ import annotations

from pathlib import Path

from tasks.custom.folders import POLICY, rows, task_of, write_folder


def said(folder: Path) -> list[str]:
    return [f"{Path(found.place).name}: {found.message}" for found in task_of(folder).findings()]


def test_a_sound_folder_has_none(tmp_path: Path) -> None:
    assert said(write_folder(tmp_path)) == []


def test_a_section_that_no_row_exercises_is_named_with_its_line(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, policy=f"{POLICY}\n## Green labels\nSay so.\n", test=rows(1, "test"))
    assert said(folder) == [
        "policy.md:7: no test row exercises the section 'Blue labels'",
        "policy.md:10: no train and no test row exercises the section 'Green labels'",
    ]


def test_what_looks_like_an_image_and_is_none_has_its_line(tmp_path: Path) -> None:
    written = "![x][gone]\n<img alt=x>\n![[images/red.png]]\n\\![x](y)\n![](images/red.png)"
    policy = f"---\nname: Desk\n---\n{POLICY}\n{written}\n"
    places = [line for line in said(write_folder(tmp_path, policy=policy)) if "what looks like an image" in line]
    assert [line.partition(": ")[0] for line in places] == ["policy.md:13", "policy.md:14", "policy.md:15"]


def test_rows_that_name_no_section_are_one_finding(tmp_path: Path) -> None:
    bare = [{key: value for key, value in row.items() if key != "cot"} for row in rows(2, "train")]
    folder = write_folder(tmp_path, train=bare, test=[{**bare[0], "id": "t", "prompt": "Else?"}])
    (finding,) = said(folder)
    assert finding.startswith("policy.md: no row says which sections decide it")


def test_a_test_request_in_training_is_found_whatever_its_picture_is_called(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, test=[*rows(2, "test"), {**rows(1, "train")[0], "id": "again"}])
    (folder / "images" / "copy.png").write_bytes((folder / "images" / "red.png").read_bytes())
    lines = (folder / "test.jsonl").read_text().splitlines()
    test = [*lines[:2], lines[2].replace("images/red.png", "images/copy.png")]
    (folder / "test.jsonl").write_text("\n".join(test))
    assert [finding.partition(" is in training")[0] for finding in said(folder)] == [
        "test.jsonl:3: the test request 'again'",
    ]


def test_equal_requests_with_different_answers_are_found(tmp_path: Path) -> None:
    twice = [*rows(2, "train"), {**rows(1, "train")[0], "id": "twin", "answer": "right"}]
    found = [finding for finding in said(write_folder(tmp_path, train=twice)) if "the same request" in finding]
    assert len(found) == 1 and found[0].startswith("train.jsonl:3: the answer is 'right'")


def test_contradictions_and_dead_ends_have_their_lines(tmp_path: Path) -> None:
    policy = (
        "# Desk\n## Rule 1\nIf the amount is over 50, refund in cash. See Rule 3.\n\n"
        "## Rule 2\nIf the amount is over 70, refund by card.\n"
    )
    cited = [{**row, "sections": ["Rule 1", "Rule 2"]} for row in rows(2, "train")]
    folder = write_folder(tmp_path, policy=policy, train=cited, test=[{**cited[0], "id": "t", "prompt": "Else?"}])
    assert said(folder) == [
        "policy.md:3: it leads to 'Rule 3', which the policy does not have",
        "policy.md:6: 'If the amount is over 70, refund by card' contradicts 'If the amount is over 50, refund in "
        "cash' in line 3: both hold for amount 71",
    ]
