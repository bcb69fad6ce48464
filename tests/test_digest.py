from __future__ import annotations

import hashlib
from pathlib import Path

from run.fake_services import base_model
from trimpi.digest import file_digest, model_content


def test_it_is_of_the_bytes_whatever_the_file_is_called_and_follows_them(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"red")
    other.write_bytes(b"red")
    assert file_digest(one) == file_digest(other) == hashlib.sha256(b"red").hexdigest()
    one.write_bytes(b"green")
    assert file_digest(one) == hashlib.sha256(b"green").hexdigest()


def test_equal_models_are_equal_wherever_they_lie(tmp_path: Path) -> None:
    first, second = base_model(tmp_path / "a"), base_model(tmp_path / "b")
    (second / "manifest.json").write_text("how it was made")
    (second / "metrics.jsonl").write_text("{}")
    assert model_content(first) == model_content(second)
    (second / "weights.txt").write_text("trained")
    assert model_content(first) != model_content(second)


def test_a_model_that_is_no_folder_is_its_id() -> None:
    assert model_content(Path("Qwen/Qwen2.5-VL-7B-Instruct")) == "id Qwen/Qwen2.5-VL-7B-Instruct"
