import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from evaluation.fake_evaluation import SquareTask, TextPrompt, WordRenderer, ticking_clock
from trimpi.errors import DataError
from trimpi.evaluation.efficiency import EfficiencyResult, measure_efficiency, prefill_seconds


class TensorRenderer(WordRenderer):
    def encode_prompts(self, prompts: list[TextPrompt]) -> Any:
        inputs = {"input_ids": torch.tensor([self.prompt_ids(prompt) for prompt in prompts])}
        return type("Batch", (dict,), {"to": lambda self, device: self})(inputs)


class CountingModel(torch.nn.Module):
    """Keeps the prompt length of every forward pass."""

    device = torch.device("cpu")
    dtype = torch.float32

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[int] = []

    def forward(self, *, input_ids: torch.Tensor, use_cache: bool, logits_to_keep: int) -> SimpleNamespace:
        assert not torch.is_grad_enabled() and not self.training and use_cache and logits_to_keep == 1
        self.passes.append(input_ids.shape[1])
        return SimpleNamespace()


def measure(folder: Path, model: CountingModel, **changes: Any) -> EfficiencyResult:
    settings = {
        "model_name": "nano",
        "out_dir": folder / "eval",
        "examples": 2,
        "repeats": 3,
        "clock": ticking_clock(0.5),
    }
    return measure_efficiency(SquareTask(folder), model, TensorRenderer(), **{**settings, **changes})  # type: ignore[arg-type]


def test_tokens_with_and_without_the_policy_are_those_of_the_same_requests(tmp_path: Path) -> None:
    result = measure(tmp_path, CountingModel())
    assert (result.policy_free.mean_tokens, result.policy_aware.mean_tokens) == (8.0, 14.0)
    assert result.tokens_saved == pytest.approx(1 - 8 / 14)


def test_both_kinds_of_prompt_take_turns_after_a_warm_up_each(tmp_path: Path) -> None:
    model = CountingModel()
    measure(tmp_path, model, warmup=1)
    assert model.passes == [8] * 4 + [14] * 4 + [8] * 4 + [14] * 4


def test_prefill_is_the_median_of_the_repeats_and_ignores_the_warm_up() -> None:
    # (start, end) of one warm-up pass of 90 s, then passes of 1 s, 50 s and 2 s.
    times = iter([0, 90, 100, 101, 200, 250, 300, 302])
    prompt = TextPrompt(text="a", images=(), policy_aware=False)
    seconds = prefill_seconds(
        CountingModel(),
        TensorRenderer(),
        prompt,
        repeats=3,
        warmup=1,
        clock=lambda: next(times),  # type: ignore[arg-type]
    )
    assert seconds == 2


def test_a_measurement_is_written_and_not_repeated(tmp_path: Path) -> None:
    first, model = measure(tmp_path, CountingModel()), CountingModel()
    assert measure(tmp_path, model) == first
    assert model.passes == []
    assert json.loads((tmp_path / "eval" / "efficiency.json").read_text())["policy_free"]["max_tokens"] == 8


def test_another_model_is_measured_again(tmp_path: Path) -> None:
    measure(tmp_path, CountingModel())
    model = CountingModel()
    measure(tmp_path, model, model_name="other")
    assert model.passes


def test_a_model_in_training_goes_on_training(tmp_path: Path) -> None:
    model = CountingModel().train()
    measure(tmp_path, model)
    assert model.training


def test_nothing_to_measure_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 test examples"):
        measure(tmp_path, CountingModel(), examples=0)
