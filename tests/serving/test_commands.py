"""What `trimpi serve` and `trimpi chat` refuse before a model is loaded, and what names stand for."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from serving.finished_run import INSTRUCTION, STAGES, build_finished_run
from trimpi.cli import app
from trimpi.cli.serve import KEY_VARIABLE, read_keys
from trimpi.errors import ModelError, RunError
from trimpi.rendering.prompts import DEFAULT_INSTRUCTION
from trimpi.serving.commands import serving_commands
from trimpi.serving.source import find_model


def refusal(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 2 and result.output.startswith("error: ") and result.output.count("\n") == 1, (
        result.output
    )
    return result.output


def test_options_that_would_leave_a_door_open_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    (tmp_path / "keys").write_text("\n \n")
    assert "there is no key" in refusal("serve", "nano", "--host", "0.0.0.0")
    assert "holds no key" in refusal("serve", "nano", "--api-key-file", str(tmp_path / "keys"))
    assert "cannot be read" in refusal("serve", "nano", "--api-key-file", str(tmp_path / "gone"))
    assert "not a folder" in refusal("serve", "nano", "--image-folder", str(tmp_path / "gone"))
    assert "give --policy too" in refusal("serve", "nano", "--update")
    assert "no policy at" in refusal("serve", "nano", "--policy", str(tmp_path / "gone.md"))
    assert "belong together" in refusal("chat", "nano", "--prompted", "nano")


def test_keys_come_from_the_file_and_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "one")
    (tmp_path / "keys").write_text("two\n\n three \n")
    assert read_keys(tmp_path / "keys") == ["one", "two", "three"]


def test_names_stand_for_models_with_their_instruction(tmp_path: Path) -> None:
    run = build_finished_run(tmp_path)
    last, first = run / "stages" / STAGES[1], run / "stages" / STAGES[0]
    for given, stage in ((run, None), (run, STAGES[1]), (last, None)):
        found = find_model(str(given), stage=stage)
        assert (found.path, found.name, found.instruction, found.stage) == (str(last), "desk", INSTRUCTION, STAGES[1])
    assert find_model(str(first)).stage == STAGES[0]
    assert find_model("nano").instruction == find_model(str(tmp_path / "base")).instruction == DEFAULT_INSTRUCTION
    with pytest.raises(RunError, match="it has 01-vm_cpt, 02-cot_sft"):
        find_model(str(run), stage="03-rl")
    with pytest.raises(ModelError, match="is not a run directory"):
        find_model("nano", stage="03-rl")


def test_other_servers_commands_quote_what_they_name(tmp_path: Path) -> None:
    commands = serving_commands(tmp_path / "a b", name="desk", images=3)
    assert commands["vLLM"].endswith("""a b' --served-model-name desk --limit-mm-per-prompt '{"image": 3}'""")
    adapter = serving_commands(tmp_path / "ad", name="desk", images=3, adapter_of="Qwen/Qwen2.5-VL-7B-Instruct")
    assert list(adapter) == ["vLLM"] and f"--lora-modules desk={tmp_path / 'ad'}" in adapter["vLLM"]
