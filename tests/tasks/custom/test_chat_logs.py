from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import tiny_models
from tasks.custom.folders import task_of
from trimpi.errors import DataError
from trimpi.tasks.custom.chat_logs import ImportedLogs, import_logs
from trimpi.types import ImagePart

SYSTEM = {"role": "system", "content": "# Desk\n## Rule 1\nBe kind."}
NAMES = "I am Ana Ruiz, ana@example.org, +34 600 000 000."


def chat(question: Any, answer: Any, **extra: Any) -> dict[str, Any]:
    return {
        "messages": [SYSTEM, {"role": "user", "content": question}, {"role": "assistant", "content": answer, **extra}]
    }


def bring(tmp_path: Path, lines: Sequence[dict[str, Any]], *, test_share: float = 0.0) -> ImportedLogs:
    logs = tmp_path / "logs.jsonl"
    logs.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return import_logs(logs, tmp_path / "desk", test_share=test_share)


def row(tmp_path: Path, line: dict[str, Any]) -> dict[str, Any]:
    return dict(bring(tmp_path, [line]).rows["train"][0])


def test_texts_stay_as_they_are_personal_data_too(tmp_path: Path) -> None:
    assert row(tmp_path, chat(NAMES, "Hello Ana.")) == {
        "id": "log-00001",
        "prompt": [{"role": "user", "content": NAMES}],
        "images": [],
        "answer": "Hello Ana.",
    }


def test_imported_logs_are_a_task(tmp_path: Path) -> None:
    picture = tiny_models.write_image(tmp_path / "a.png")
    url = f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"
    parts = [{"type": "text", "text": "Is it whole?"}, {"type": "image_url", "image_url": {"url": url}}]
    named = [{"type": "image_url", "image_url": {"url": "a.png"}}, {"type": "text", "text": "And here?"}]
    lines = [chat(f"{number}?", str(number), refusal=None) for number in range(20)]
    imported = bring(tmp_path, [*lines, chat(parts, "Yes."), chat(named, "No.")], test_share=0.5)
    task = task_of(tmp_path / "desk", reward="exact")
    task.validate()
    assert imported.left_out == [] and list(task.policies) == ["Desk"]
    assert len(task.examples("train")) + len(task.examples("test")) == 22
    shown = [example for split in ("train", "test") for example in task.examples(split) if example.images]
    # The same picture, whether by data URL or by path, is one file.
    assert len(shown) == 2 and shown[0].images == shown[1].images
    assert len(list((tmp_path / "desk" / "images").iterdir())) == 1
    assert isinstance(ImagePart(path=shown[0].images[0]), ImagePart)


def test_equal_requests_come_into_one_split(tmp_path: Path) -> None:
    imported = bring(tmp_path, [chat(f"{number % 10}?", "x") for number in range(40)], test_share=0.5)
    train, test = ({one["prompt"][0]["content"] for one in imported.rows[split]} for split in ("train", "test"))
    assert train and test and not train & test


def test_a_tool_call_is_the_answer_and_what_is_said_before_it_the_reasoning(tmp_path: Path) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "refund", "arguments": '{"order": 7}'}}
    brought = row(tmp_path, chat("My order?", "It is late.", tool_calls=[call]))
    assert (brought["answer"], brought["cot"]) == ('{"name": "refund", "arguments": {"order": 7}}', "It is late.")


def test_reasoning_and_box_are_taken_apart(tmp_path: Path) -> None:
    brought = row(tmp_path, chat("?", "<think>By Rule 1.</think>So \\boxed{left}"))
    assert (brought["answer"], brought["cot"]) == ("left", "By Rule 1.")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"messages": [SYSTEM, {"role": "user", "content": "?"}]}, "logs.jsonl:2: its last message is not"),
        ({"message": []}, 'logs.jsonl:2: it has no "messages"'),
        (chat([{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}], "x"), "is not fetched"),
        (chat([{"type": "image_url", "image_url": {"url": "../a.png"}}], "x"), "is outside"),
        (chat([{"type": "image_url", "image_url": {"url": "data:image/png;base64,!!"}}], "x"), "no valid base64"),
        (chat([{"type": "input_audio", "input_audio": {}}], "x"), "allowed are 'text', 'image_url', 'image'"),
    ],
)
def test_a_line_that_cannot_be_a_row_is_left_out_with_its_reason(
    tmp_path: Path, line: dict[str, Any], reason: str
) -> None:
    imported = bring(tmp_path, [chat("?", "x"), line])
    assert len(imported.rows["train"]) == 1 and len(imported.left_out) == 1
    assert reason in imported.left_out[0] and "logs.jsonl:2" in imported.left_out[0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{no json", "logs.jsonl:2: not valid JSON"),
        ('{"messages": [], "messages": []}', "logs.jsonl:2: not valid JSON: the key 'messages' is there twice"),
        (json.dumps(chat("?", "x \ud800")), "logs.jsonl:2: not valid JSON: the escape '\\ud800' is half a character"),
    ],
)
def test_a_line_that_is_no_json_is_left_out_and_the_next_ones_are_not(tmp_path: Path, line: str, reason: str) -> None:
    logs = tmp_path / "logs.jsonl"
    logs.write_text("\n".join([json.dumps(chat("?", "x")), line, json.dumps(chat("!", "y"))]))
    imported = import_logs(logs, tmp_path / "desk", test_share=0.0)
    assert len(imported.rows["train"]) == 2 and len(imported.left_out) == 1
    assert imported.left_out[0].startswith(f"{logs}"[: -len("logs.jsonl")] + reason)
    task_of(write_test(tmp_path / "desk"), reward="exact").validate()


def write_test(folder: Path) -> Path:
    (folder / "test.jsonl").write_text('{"id": "t", "prompt": "Else?", "answer": "z"}\n')
    return folder


def test_nothing_is_written_where_no_line_can_be_a_row(tmp_path: Path) -> None:
    tiny_models.write_image(tmp_path / "a.png")
    shown = [{"type": "image_url", "image_url": {"url": "a.png"}}]
    with pytest.raises(DataError, match="no line that can be a row"):
        bring(tmp_path, [chat(shown, "} no {")])
    assert not (tmp_path / "desk").exists()


def test_the_images_of_lines_left_out_do_not_come_along(tmp_path: Path) -> None:
    tiny_models.write_image(tmp_path / "a.png")
    shown = [{"type": "image_url", "image_url": {"url": name}} for name in ("a.png", "gone.png")]
    bring(tmp_path, [chat("?", "x"), chat(shown, "y")])
    assert not (tmp_path / "desk" / "images").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    bring(tmp_path, [chat("?", "x")])
    with pytest.raises(DataError, match=r"train\.jsonl is there already"):
        bring(tmp_path, [chat("?", "x")])


def test_different_system_prompts_make_no_policy(tmp_path: Path) -> None:
    other = chat("?", "y")
    other["messages"][0] = {"role": "system", "content": "Be brief."}
    imported = bring(tmp_path, [chat("?", "x"), other])
    assert len(imported.system_texts) == 2 and not (tmp_path / "desk" / "policy.md").exists()
