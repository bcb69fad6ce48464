from __future__ import annotations

from pathlib import Path

import pytest

from trimpi.stages.checkpoints import (
    checkpoint_step,
    last_complete_checkpoint,
    mark_complete,
    publish,
    remove_incomplete_checkpoints,
)


def checkpoint(
    folder: Path, step: int, *, complete: bool = True, random_states: tuple[str, ...] = ("rng_state.pth",)
) -> Path:
    path = folder / "checkpoints" / f"checkpoint-{step}"
    path.mkdir(parents=True)
    for name in random_states:
        (path / name).touch()
    if complete:
        mark_complete(path)
    return path


def test_the_newest_complete_checkpoint_is_gone_on_from(tmp_path: Path) -> None:
    checkpoint(tmp_path, 8)
    newest = checkpoint(tmp_path, 10)
    unfinished = checkpoint(tmp_path, 12, complete=False)
    assert last_complete_checkpoint(tmp_path, processes=1) == newest
    assert checkpoint_step(newest) == 10
    remove_incomplete_checkpoints(tmp_path)
    assert newest.exists() and not unfinished.exists()


def test_no_checkpoint_is_step_zero(tmp_path: Path) -> None:
    assert last_complete_checkpoint(tmp_path, processes=1) is None
    assert checkpoint_step(None) == 0


def test_a_checkpoint_of_another_number_of_processes_is_not_used(tmp_path: Path) -> None:
    two = checkpoint(tmp_path, 4, random_states=("rng_state_0.pth", "rng_state_1.pth"))
    assert last_complete_checkpoint(tmp_path, processes=1) is None
    assert last_complete_checkpoint(tmp_path, processes=2) == two


def test_a_model_folder_cannot_be_loaded_before_all_of_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[str] = []
    replace = Path.replace

    def spy(self: Path, target: Path) -> Path:
        moved.append(self.name)
        return replace(self, target)

    def save(folder: Path) -> None:
        for name in ("config.json", "a.json", "model.safetensors"):
            (folder / name).write_text(name)

    checkpoint(tmp_path, 4)
    monkeypatch.setattr(Path, "replace", spy)
    publish(save, tmp_path)
    assert moved[-1] == "config.json"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "config.json", "model.safetensors"]


def test_a_save_that_fails_leaves_the_checkpoints(tmp_path: Path) -> None:
    kept = checkpoint(tmp_path, 4)

    def save(folder: Path) -> None:
        (folder / "model.safetensors").touch()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        publish(save, tmp_path)
    assert kept.exists()
    assert not (tmp_path / "model.safetensors").exists()
    publish(lambda folder: (folder / "config.json").touch(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
