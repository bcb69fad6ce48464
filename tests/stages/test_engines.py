"""One step gives the same weights whatever is computed once and however the batch is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from stages.stage_runs import COT_SFT_LORA, lines, rl_config, run, weights
from trimpi.prefix import training
from trimpi.recipe import GrpoConfig, LoraConfig, StageConfig, VmCptConfig

# At this rate a gradient that is zero but for rounding moves a weight by less than 1e-5, and any other by about 1e-4.
pytestmark = pytest.mark.slow
GENTLE: dict[str, Any] = {"learning_rate": 1e-4, "checkpoint_every_steps": None}
STEPS: dict[str, StageConfig] = {
    "vm_cpt": VmCptConfig(**GENTLE, batch_size=6, epochs=1.0),
    "vm_cpt with adapters": VmCptConfig(**GENTLE, batch_size=6, epochs=1.0, lora=LoraConfig(rank=2, alpha=4)),
    "vm_cpt with checkpointing": VmCptConfig(**GENTLE, batch_size=6, epochs=1.0, gradient_checkpointing=True),
    "rl": rl_config(**GENTLE, steps=1),
    "rl with adapters": rl_config(**GENTLE, steps=1, lora=LoraConfig(rank=2, alpha=4)),
    "rl with two iterations": rl_config(**GENTLE, steps=1, algorithm=GrpoConfig(num_iterations=2, beta=0.05)),
}


@pytest.fixture
def packed_rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows every packed forward pass had."""
    seen: list[int] = []
    pack = training.pack

    def counting(ids: torch.Tensor, *others: Any) -> Any:
        seen.append(len(ids))
        return pack(ids, *others)

    monkeypatch.setattr(training, "pack", counting)
    return seen


def assert_alike(one: Path, other: Path) -> None:
    """The same weights, and the same metrics: Adam's first step does not show the size of a gradient, its norm does."""
    ours, theirs = weights(one), weights(other)
    for name, tensor in ours.items():
        torch.testing.assert_close(
            tensor, theirs[name], atol=1e-5, rtol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )
    for line, expected in zip(lines(one / "metrics.jsonl"), lines(other / "metrics.jsonl"), strict=True):
        assert without_own(line) == pytest.approx(without_own(expected), rel=1e-4, abs=1e-6)


def without_own(line: dict[str, Any]) -> dict[str, Any]:
    """A metrics line without what only the prefix engine has to say, and how long it took."""
    return {name: value for name, value in line.items() if name not in ("prefix_hit_rate", "seconds")}


@pytest.mark.parametrize("config", STEPS.values(), ids=STEPS.keys())
def test_the_prefix_engine_gives_the_weights_of_the_plain_one(
    config: StageConfig, tmp_path: Path, packed_rows: list[int]
) -> None:
    run(config, tmp_path, "plain", engine="plain")
    assert not packed_rows
    run(config, tmp_path, "prefix")
    assert set(packed_rows) == {4 if config.type == "rl" else 6}
    assert_alike(tmp_path / "prefix", tmp_path / "plain")
    base = weights(tmp_path / "base")
    assert any((tensor - base[name]).abs().max() > 5e-5 for name, tensor in weights(tmp_path / "prefix").items())


def test_micro_batches_give_the_weights_of_the_undivided_batch(tmp_path: Path, packed_rows: list[int]) -> None:
    algorithm = GrpoConfig(beta=0.05, num_iterations=2)
    for name, budget in (("divided", 1), ("whole", 100_000)):
        packed_rows.clear()
        run(rl_config(**GENTLE, steps=1, algorithm=algorithm, micro_batch_tokens=budget), tmp_path, name)
        assert set(packed_rows) == {{"divided": 4, "whole": 8}[name]}
    assert_alike(tmp_path / "divided", tmp_path / "whole")


def test_adapters_that_drop_at_random_train_without_the_engine_and_say_so(
    tmp_path: Path, packed_rows: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    run(COT_SFT_LORA, tmp_path, "stage")
    assert not packed_rows
    assert [record.message for record in caplog.records if record.name == "trimpi"] == [
        "engine: plain, because lora.dropout is 0.1, and what rows share would be dropped once for all in training: "
        "it must be 0"
    ]


def test_what_is_saved_does_not_name_the_engine(tmp_path: Path) -> None:
    for engine in ("prefix", "plain"):
        run(STEPS["vm_cpt"], tmp_path, engine, engine=engine)  # type: ignore[arg-type]
    assert (tmp_path / "prefix" / "config.json").read_text() == (tmp_path / "plain" / "config.json").read_text()
