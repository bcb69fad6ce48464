from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from run.fake_services import WordTask
from trimpi.policies import Policy, load_policy
from trimpi.run.data import fingerprint, write_data
from trimpi.tasks.custom.row_writer import example_row
from trimpi.types import Example, ImagePart


class PictureTask(WordTask):
    """A policy with an image, and a policy whose name is no folder name."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        folder.mkdir(parents=True, exist_ok=True)
        self._image = folder / "cube.png"
        Image.new("RGB", (4, 4), "red").save(self._image)

    @property
    def policies(self) -> dict[str, Policy]:
        sections = ("# a/b\nLike ", ImagePart(path=self._image), " go left.")
        return {"a/b": Policy(name="a/b", sections=sections), "a-b": Policy(name="a-b", sections=("# a-b\nGo left.",))}


def test_policies_are_written_as_documents_that_load_again(tmp_path: Path) -> None:
    task = PictureTask(tmp_path / "images")
    write_data(task, tmp_path / "data")
    loaded = {load_policy(path.parent).content_hash for path in (tmp_path / "data").glob("policies/*/policy.md")}
    assert loaded == {policy.content_hash for policy in task.policies.values()}


def test_examples_are_lines_of_json(tmp_path: Path) -> None:
    write_data(WordTask(), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert rows == [example_row(example) for example in WordTask().examples("train")]


def test_example_without_a_chain_of_thought_has_none_in_its_row() -> None:
    example = Example(id="1", policy_name="Ako", prompt="?", images=(Path("a.png"),), answer="left")
    row = example_row(example)
    assert "cot" not in row
    assert row["images"] == [str(Path("a.png").resolve())]


def test_fingerprint_depends_on_the_data_only(tmp_path: Path) -> None:
    assert fingerprint(PictureTask(tmp_path / "here")) == fingerprint(PictureTask(tmp_path / "there"))
    assert fingerprint(WordTask()) != fingerprint(WordTask(answer="right"))
