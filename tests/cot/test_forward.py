from __future__ import annotations

from pathlib import Path

import tiny_models
from tiny_task import ColorTask
from trimpi.cot.forward import forward_cots
from trimpi.cot.store import CotRecord
from trimpi.recipe import ForwardCotConfig
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.scripted import ScriptedSampler


def test_the_first_right_and_well_formed_completion_is_kept_and_the_rest_is_counted(tmp_path: Path) -> None:
    task = ColorTask(tmp_path, examples=2)
    replies = [
        "\\boxed{red}",  # right, but not in the format asked for
        "<think>a</think>\\boxed{red}",
        "<think>b</think>\\boxed{red}",
        "<think>c</think>\\boxed{gray}",
        "nothing",
        "<think>d</think>\\boxed{green}",
    ]
    renderer = Renderer(tiny_models.tiny_processor("qwen2_5_vl"))
    config = ForwardCotConfig(samples=3)
    cots = forward_cots(task, task.examples("train"), ScriptedSampler(replies), renderer, config, seed=0)
    assert cots.records == (CotRecord(id="train-0", cot="a", answer="red"),)
    assert cots.dropped == 1
    assert cots.outcomes == {"malformed": 1, "correct": 2, "wrong": 2, "no_answer": 1}
