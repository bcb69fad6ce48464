"""A small desk whose requests are synthesised, and a generator that follows a script."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from sampling.fake_clock import FakeClock
from sampling.scripted_server import Body, Reply, ScriptedServer, says
from tasks.custom.folders import write_folder
from trimpi.cot.generate import Generator
from trimpi.recipe import CustomTaskConfig, EndpointConfig, SynthConfig
from trimpi.rendering.prompts import PromptWriter
from trimpi.sampling.endpoint import Endpoint, EndpointSampler
from trimpi.synth.review import ReviewFile, ReviewRecord
from trimpi.synth.rounds import Round
from trimpi.tasks.custom.task import CustomTask

POLICY = """# Desk
Read the label.

## Small sums
Refund sums up to 50: say pay.

## Large sums
Ask a person about larger sums: say ask.
"""
TRAIN: list[dict[str, Any]] = [
    {"id": "t1", "prompt": "Refund 20 for a cup?", "answer": "pay", "sections": ["Small sums"]},
    {"id": "t2", "prompt": "Refund 90 for a desk?", "answer": "ask", "sections": ["Large sums"]},
]
TEST: list[dict[str, Any]] = [{"id": "e1", "prompt": "Refund 30 for a pan?", "answer": "pay"}]


def source(folder: Path) -> CustomTaskConfig:
    """The desk's folder, made anew."""
    write_folder(folder, policy=POLICY, train=TRAIN, test=TEST)
    return CustomTaskConfig.model_validate({"path": folder, "reward": "choice"})


def config(**settings: Any) -> SynthConfig:
    return SynthConfig.model_validate({"requests_per_section": 2, "samples": 3, "images": "none", **settings})


def new_round(desk: CustomTaskConfig, **settings: Any) -> Round:
    return Round(CustomTask(desk), desk, config(**settings))


def generator(server: ScriptedServer, folder: Path) -> Generator:
    """One request at a time, so that the script's order is known."""
    endpoint = Endpoint(
        EndpointConfig(model="m", base_url=server.url, api_key_env=None, concurrency=1, timeout=0.3),
        answers=ReviewFile(folder).answers,
        clock=FakeClock().clock,
        draw=lambda: 0.5,
    )
    return Generator(
        sampler=EndpointSampler(endpoint),
        prompts=PromptWriter(policy_turn="user"),
        control_token_in=lambda text: "<|end|>" if "<|end|>" in text else None,
    )


def carry_out(round_: Round, by: Generator) -> list[ReviewRecord]:
    return round_.carry_out(by, seed=0, track=lambda label: nullcontext(lambda done, total: None))


def asked_text(body: Body) -> str:
    """The user's turn."""
    return str(body["messages"][-1]["content"])


def lines(*requests: tuple[str, Any]) -> Reply:
    return says("\n".join(json.dumps({"prompt": prompt, "answer": answer}) for prompt, answer in requests))


def thinks(answer: str, thought: str = "Small sums: it is small.") -> Reply:
    return says(f"<think>{thought}</think>\\boxed{{{answer}}}")
