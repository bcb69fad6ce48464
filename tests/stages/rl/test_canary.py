from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from stages.stage_runs import rl_config, stage_context
from trimpi.errors import RunError
from trimpi.sampling.local import LocalSampler
from trimpi.stages.rl import stage
from trimpi.stages.rl.canary import logprob_gap
from trimpi.types import Completion


def test_the_gap_counts_tokens_of_the_completion_with_a_sampling_logprob_only() -> None:
    trainer = torch.tensor([[-1.0, -2.0, -3.0], [-1.0, -2.0, -9.0]])
    sampler = torch.tensor([[-1.5, -2.0, float("nan")], [-1.0, -1.0, 0.0]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]])
    assert logprob_gap(trainer, sampler, mask).tolist() == [1.5, 4.0]


class OtherWeights(LocalSampler):
    """A sampler whose weights fell behind the trainer's."""

    def sample_rows(self, *args: Sequence, **kwargs: object) -> list[Completion]:
        with torch.no_grad():
            self._model.lm_head.weight.mul_(1.5)
            completions = super().sample_rows(*args, **kwargs)  # type: ignore[arg-type]
            self._model.lm_head.weight.div_(1.5)
        return completions


def test_a_sampler_with_other_weights_is_stopped_at_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(config: object, trainer: object, renderer: object, engine: object) -> object:
        return nullcontext(OtherWeights(trainer.model, renderer, batch_size=8))  # type: ignore[attr-defined,arg-type]

    monkeypatch.setattr(stage, "row_sampler", other)
    context = stage_context(tmp_path, "rl")
    context.output_dir.mkdir()
    with pytest.raises(RunError, match="the sampler and the trainer disagree"):
        stage.run_rl(rl_config(), context)
