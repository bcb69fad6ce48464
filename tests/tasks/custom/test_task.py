from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tasks.custom.folders import POLICY, rows, task_of, write_folder
from trimpi.errors import DataError, PolicyError, RecipeError, TrimpiError
from trimpi.recipe import CustomTaskConfig, load_recipe
from trimpi.rendering.prompts import make_prompt
from trimpi.rewards.response import write_response
from trimpi.tasks.custom.row_reader import read_rows
from trimpi.tasks.custom.row_writer import example_row, write_rows
from trimpi.tasks.custom.task import CustomTask
from trimpi.types import Completion, ImagePart, Message

SHOP_CHAT = [
    {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "It broke."}]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "find", "arguments": '{"order": 7}'}},
        ],
    },
    {"role": "tool", "tool_call_id": "1", "content": "paid"},
    {"role": "user", "content": [{"type": "text", "text": "And now?"}, {"type": "image"}]},
]


def value(task: CustomTask, answer: str, number: int = 0) -> float:
    completion = Completion(text=write_response("", answer), token_ids=())
    return task.score(task.examples("train")[number], completion).value


def one(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": "1", "prompt": "?", "answer": "left", **row}]


def refusal(folder: Path, train: Sequence[dict[str, Any]], **settings: Any) -> str:
    with pytest.raises(TrimpiError) as caught:
        task_of(write_folder(folder, train=train), **settings)
    return str(caught.value)


def test_a_folder_is_a_task_that_validates(tmp_path: Path) -> None:
    task = task_of(write_folder(tmp_path))
    task.validate()
    assert (len(task.examples("train")), len(task.examples("test")), list(task.policies)) == (4, 2, ["Desk"])
    assert (value(task, "LEFT"), value(task, "right")) == (1, 0)


def test_sections_come_from_the_reasoning_unless_they_are_named(tmp_path: Path) -> None:
    named = {**rows(1, "train")[0], "id": "named", "sections": ["blue labels"]}
    task = task_of(write_folder(tmp_path, train=[*rows(3, "train"), named]))
    assert task.coverage("train") == {"Red labels": 2, "Blue labels": 2}
    assert task.examples("train")[-1].meta["sections"] == ("Blue labels",)


def test_a_longer_section_id_is_not_a_shorter_one(tmp_path: Path) -> None:
    policy = "# P\n## Rule 1.1\na\n## Rule 1.1.2\nb\n"
    task = task_of(write_folder(tmp_path, policy=policy, train=one({"cot": "By Rule 1.1.2. Not more."})))
    assert task.coverage("train") == {"Rule 1.1": 0, "Rule 1.1.2": 1}


def test_a_chat_becomes_turns_with_its_tool_calls_as_text(tmp_path: Path) -> None:
    images = ["images/red.png", "images/blue.png"]
    task = task_of(write_folder(tmp_path, train=one({"prompt": SHOP_CHAT, "images": images})))
    (example,) = task.examples("train")
    red, blue = (ImagePart(path=(tmp_path / name).resolve()) for name in images)
    assert make_prompt(example, None, instruction="Go.").messages == (
        Message(role="system", parts=("Go.",)),
        Message(role="user", parts=(red, "It broke.")),
        Message(role="assistant", parts=('{"name": "find", "arguments": {"order": 7}}',)),
        Message(role="user", parts=(blue, "find returned: paid\nAnd now?")),
    )


def test_rows_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    chat = one({"prompt": SHOP_CHAT, "images": ["images/red.png", "images/blue.png"], "cot": "So."})[0]
    task = task_of(write_folder(tmp_path, train=[{**chat, "id": "chat"}, *rows(2, "train")]))
    write_rows((example_row(example, tmp_path) for example in task.examples("train")), tmp_path / "again.jsonl")
    again = task_of(tmp_path, train="again.jsonl").examples("train")
    strip = [{**example_row(example), "place": ""} for example in again]
    assert strip == [{**example_row(example), "place": ""} for example in task.examples("train")]
    assert len(read_rows(tmp_path / "again.jsonl", tmp_path)) == 3


def test_an_answer_may_be_a_tool_call(tmp_path: Path) -> None:
    call = {"name": "refund", "arguments": {"order": 7, "note": "for you"}}
    task = task_of(
        write_folder(tmp_path, train=one({"answer": call})), reward={"type": "tool_call", "arguments": {"note": "text"}}
    )
    assert value(task, '{"name": "refund", "arguments": {"note": "For  You", "order": 7}}') == 1
    assert value(task, '{"name": "refund", "arguments": {"note": "no", "order": 7}}') == 0.75
    assert value(task, '{"name": "keep", "arguments": {}}') == 0


def test_json_answers_are_held_against_a_schema_in_the_folder(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, train=one({"answer": {"days": 3}}), test=one({"id": "2", "answer": {"days": 4}}))
    (folder / "schema.json").write_text('{"required": ["days"]}')
    task = task_of(folder, reward={"type": "json", "json_schema": "schema.json"})
    task.validate()
    assert (value(task, '{"days": 3.0}'), value(task, '{"hours": 3}')) == (1, 0)


def test_several_policies_are_told_apart_by_name_or_file(tmp_path: Path) -> None:
    train = [{**row, "policy": name} for row, name in zip(rows(2, "train"), ("One", "second"), strict=True)]
    folder = write_folder(tmp_path, train=train, test=[{**rows(1, "test")[0], "policy": "One"}])
    (folder / "policy.md").unlink()
    (folder / "policies").mkdir()
    (folder / "policies" / "first.md").write_text("# One\nGo.")
    (folder / "policies" / "second.md").write_text("# Two\nStop.")
    assert [example.policy_name for example in task_of(folder).examples("train")] == ["One", "Two"]
    with pytest.raises(DataError, match=r"train.jsonl:1: policy is 'Onee'; did you mean 'One'\? allowed are One, Two"):
        task_of(write_folder_rows(folder, [{**train[0], "policy": "Onee"}]))


def write_folder_rows(folder: Path, train: Sequence[dict[str, Any]]) -> Path:
    write_rows(train, folder / "train.jsonl")
    return folder


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"anwser": "x"}, r"train.jsonl:1: unknown key 'anwser': did you mean 'answer'\?"),
        ({"id": 3}, r"train.jsonl:1: id is 3; allowed is text"),
        ({"answer": " "}, r"train.jsonl:1: answer is empty"),
        ({"answer": "a } b {"}, r"train.jsonl:1: answer 'a } b {' cannot be read back"),
        ({"cot": "a</think>b"}, r"train.jsonl:1: cot holds <think>"),
        ({"images": ["../secret.png"]}, r"train.jsonl:1: image '../secret.png' is outside"),
        ({"images": ["/etc/passwd"]}, r"train.jsonl:1: image '/etc/passwd' is outside"),
        ({"images": ["https://example.org/a.png"]}, r"train.jsonl:1: image 'https.* is not a file"),
        ({"images": ["images/gone.png"]}, r"train.jsonl:1: image 'images/gone.png' does not exist"),
        ({"images": ["policy.md"]}, r"train.jsonl:1: image .*policy.md cannot be read"),
        ({"sections": ["Red label"]}, r"train.jsonl:1: sections names 'Red label'; did you mean 'Red labels'\?"),
        ({"policy": "Dask"}, r"train.jsonl:1: policy is 'Dask'; did you mean 'Desk'\?"),
        ({"prompt": [{"role": "system", "content": "x"}]}, r"train.jsonl:1: message 1 is of the system"),
        ({"prompt": [{"role": "assistant", "content": "x"}]}, r"train.jsonl:1: the user begins and ends"),
        ({"prompt": [{"role": "user", "contents": "x"}]}, r"train.jsonl:1: in prompt.0: .*did you mean 'content'\?"),
        ({"prompt": [{"role": "user", "content": [{"text": "x"}]}]}, r"prompt.0.content.0 must be .* text, image or"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    assert re.search(message, refusal(tmp_path, one(row)))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "train.jsonl:2: not valid JSON"),
        ("[]", "train.jsonl:2: a list; allowed is one JSON object"),
        ('{"id": "2", "id": "3"}', "train.jsonl:2: not valid JSON: the key 'id' is there twice"),
        (
            '{"id": "2", "prompt": "x \\ud800", "answer": "left"}',
            r"train.jsonl:2: not valid JSON: the escape '\ud800' is",
        ),
        ('{"id": "2", "prompt": "?", "answer": {"\\udc00": 1}}', "is half a character"),
        ('{"id": "2", "prompt": "?", "answer": NaN}', "train.jsonl:2: not valid JSON: NaN is no JSON number"),
    ],
)
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: str, message: str) -> None:
    folder = write_folder(tmp_path)
    file = folder / "train.jsonl"
    file.write_text(file.read_text().splitlines()[0] + "\n" + line + "\n")
    with pytest.raises(DataError, match=re.escape(message)):
        task_of(folder)


def test_line_ends_of_rows_are_one_kind(tmp_path: Path) -> None:
    text = "one\r\ntwo\rthree"
    chat = [{"role": "user", "content": [{"type": "text", "text": text}]}]
    row = {"prompt": chat, "answer": {"note": text}, "cot": text}
    (example,) = task_of(write_folder(tmp_path, train=one(row)), reward="json").examples("train")
    assert (example.prompt, example.cot) == ("one\ntwo\nthree",) * 2
    assert example.answer == r'{"note": "one\ntwo\nthree"}'


def test_an_image_that_no_model_takes_is_named_by_file_and_line(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    Image.new("RGB", (1, 4000)).save(folder / "images" / "strip.png")
    message = refusal(tmp_path, one({"images": ["images/strip.png"]}))
    assert re.search(r"train.jsonl:1: image .*strip.png is 1 x 4000 pixels; allowed is", message)


def test_the_place_of_a_text_in_a_policy_is_file_and_line(tmp_path: Path) -> None:
    task = task_of(write_folder(tmp_path))
    assert task.policy_place("Desk", "left") == f"{tmp_path / 'policy.md'}:5"


def test_an_id_twice_is_named_with_both_places(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, test=[rows(1, "train")[0]])
    with pytest.raises(DataError, match=r"test.jsonl:1: the id 'train-0' is already in .*train.jsonl:1"):
        task_of(folder)


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "task")
    outside = tmp_path / "outside.png"
    outside.write_bytes((folder / "images" / "red.png").read_bytes())
    (folder / "images" / "link.png").symlink_to(outside)
    with pytest.raises(DataError, match="is outside"):
        task_of(write_folder(folder, train=one({"images": ["images/link.png"]})))


def test_a_folder_without_policy_says_what_to_write(tmp_path: Path) -> None:
    (write_folder(tmp_path) / "policy.md").unlink()
    with pytest.raises(PolicyError, match=r"write policy\.md"):
        task_of(tmp_path)


def test_a_gold_answer_that_never_scores_is_named(tmp_path: Path) -> None:
    task = task_of(write_folder(tmp_path), reward={"type": "choice", "choices": ["left", "up"]})
    with pytest.raises(DataError, match=r"train.jsonl:2: .*'right' scores 0"):
        task.validate()


def test_a_function_of_the_users_own_scores(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "desk_reward.py").write_text(
        "def score(answer, row):\n    return 1.0 if answer[0] == row['answer'][0] else 0.25\n"
        "def broken(answer, row):\n    return 'much'\n"
    )
    task = task_of(folder, reward="desk_reward:score")
    assert (value(task, "lift"), value(task, "right")) == (1, 0.25)
    with pytest.raises(DataError, match=r"desk_reward:broken returned 'much'"):
        value(task_of(folder, reward="desk_reward:broken"), "left")
    with pytest.raises(RecipeError, match="has no function 'scores'"):
        task_of(folder, reward="desk_reward:scores")
    with pytest.raises(RecipeError, match=r"put no_such_module.py into"):
        task_of(folder, reward="no_such_module:score")


def function_refused(folder: Path, code: str) -> str:
    (folder / "mine.py").write_text(code)
    with pytest.raises(RecipeError) as caught:
        task_of(folder, reward="mine:score")
    return str(caught.value)


def test_why_a_users_module_cannot_be_imported_is_said(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    assert (
        "SyntaxError: " in (message := function_refused(folder, "\ndef score(answer, row)\n")) and "line 2" in message
    )
    message = function_refused(folder, "import no_such_library\n")
    assert "ModuleNotFoundError: No module named 'no_such_library'" in message and "put mine.py" not in message
    assert "ZeroDivisionError" in function_refused(folder, "1 / 0\n")


def test_two_folders_may_have_modules_of_one_name(tmp_path: Path) -> None:
    for name, helped in (("a", 0.25), ("b", 0.5)):
        folder = write_folder(tmp_path / name)
        (folder / "helper.py").write_text(f"VALUE = {helped}\n")
        (folder / "mine.py").write_text("from helper import VALUE\ndef score(answer, row):\n    return VALUE\n")
    tasks = [task_of(tmp_path / name, reward="mine:score") for name in ("a", "b", "a")]
    assert [value(task, "left") for task in tasks] == [0.25, 0.5, 0.25]
    assert not {"mine", "helper"} & set(sys.modules) and str(tmp_path / "a") not in sys.path


def test_a_folders_module_does_not_stand_in_for_an_installed_one(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "colorsys.py").write_text("def score(answer, row):\n    return 1\n")
    with pytest.raises(RecipeError, match=r"lib.*colorsys\.py has no function 'score'"):
        task_of(folder, reward="colorsys:score")


def test_a_judge_sees_policy_request_gold_and_answer(tmp_path: Path) -> None:
    asked: list[Message] = []

    def judge(messages: Sequence[Message], max_tokens: int) -> str:
        asked.extend(messages)
        return "Half of it. Score: 5"

    reward = {"type": "judge", "endpoint": {"model": "m"}}
    config = CustomTaskConfig.model_validate({"path": write_folder(tmp_path), "reward": reward})
    task = CustomTask(config, judge=judge)
    task.validate()
    assert value(task, "left") == 1 and not asked
    assert value(task, "</answer> Score: 10") == 0.5
    text = "".join(part for part in asked[0].parts if isinstance(part, str))
    assert "Say right." in text and "Label train 0?" in text and text.count("</answer>") == 1
    assert len(asked[0].images) == 2
    with pytest.raises(RecipeError, match="asks an endpoint"):
        task_of(tmp_path, reward=reward)


def test_the_folder_stands_relative_to_the_recipe(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "desk")
    file = folder / "recipe.yaml"
    file.write_text("name: desk\ntask: {type: custom, path: ., reward: choice}\nstages: []\n")
    task = load_recipe(file).task
    assert isinstance(task, CustomTaskConfig)
    assert (task.path, task.reward.type) == (folder.resolve(), "choice")


def test_an_unknown_reward_is_named_with_all_there_are(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("name: desk\ntask: {type: custom, path: ., reward: exakt}\nstages: []\n")
    with pytest.raises(RecipeError, match=r"task.reward.type is 'exakt'; allowed are 'exact', 'choice'"):
        load_recipe(file)


def test_every_section_can_be_asked_for(tmp_path: Path) -> None:
    task = task_of(write_folder(tmp_path, policy=POLICY))
    assert [(asked.meta["sections"], asked.answer) for asked in task.recitations()] == [
        (("Red labels",), "Say left."),
        (("Blue labels",), "Say right."),
    ]
