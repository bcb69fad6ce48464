"""A run directory as a quickstart leaves it, made up: no model, no task, every number invented but consistent."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict
from math import exp
from pathlib import Path
from typing import Any

import yaml
from PIL import Image, ImageDraw

from trimpi.evaluation.results import ExampleRecord, summarise
from trimpi.policies import Policy, save_policy
from trimpi.rewards.response import write_response
from trimpi.types import ImagePart, Outcome

COLORS = {
    "red": "#ad2323",
    "blue": "#2a4bd7",
    "green": "#1d6914",
    "cyan": "#29d0d0",
    "yellow": "#ffee33",
    "gray": "#575757",
}
STAGES = ("vm_cpt", "cot_sft", "rl")
EVALUATED = ("base", *STAGES)
# Chance of a right answer, policy-free and in context.
ACCURACY = {"base": (0.21, 0.57), "vm_cpt": (0.48, 0.72), "cot_sft": (0.80, 0.66), "rl": (0.94, 0.70)}
POLICY_TEXT = """# {name}

Follow this policy when the user asks for a response under {name}. Begin at Condition 1 and do what the section says.

## Condition 1
Is there a {first} object in the image? If so, go to Condition 1.1. Otherwise, go to Condition 1.2.

## Condition 1.1
Is one of the {first} objects a sphere? If so, respond with "Case 1". Otherwise, respond with "Case 2".

## Condition 1.2
Is there an object like """
POLICY_END = """ in the image? If so, respond with "Case 3". Otherwise, respond with "Case 4".
"""


def build_fake_run(
    folder: Path, *, stages: Sequence[str] = STAGES, evaluated: Sequence[str] = EVALUATED, n: int = 60
) -> Path:
    """Write a run that got as far as `stages` and `evaluated`; `n` test requests over two policies."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(_recipe(), sort_keys=False))
    (folder / "manifest.json").write_text(json.dumps(_manifest(), indent=2))
    policies = {"L2-Surinu": "red", "L2-Ovelka": "cyan"}
    for name, color in policies.items():
        _write_policy(folder / "data" / "policies" / name, name, color)
    requests = _write_requests(folder / "data", list(policies), n)
    for name in stages:
        write_stage(folder, EVALUATED.index(name), name)
    for name in evaluated:
        write_evaluation(folder, EVALUATED.index(name), name, requests)
    return folder


def write_stage(run: Path, number: int, name: str) -> None:
    folder = run / "stages" / f"{number:02d}-{name}"
    folder.mkdir(parents=True)
    generator = random.Random(name)
    lines = (
        [_rl_line(step, generator) for step in range(1, 61)]
        if name == "rl"
        else [
            {"step": step, "loss": 0.12 + 1.6 * exp(-step / 40) + generator.gauss(0, 0.05), "learning_rate": 1e-4}
            for step in range(1, 161)
        ]
    )
    _write_jsonl(folder / "metrics.jsonl", lines)
    took = {
        "steps": len(lines),
        "seconds": 41.7 * number,
        "tokens": 410_000 * number,
        "peak_memory_bytes": 1_130_000_000 + number,
    }
    (folder / "manifest.json").write_text(
        json.dumps({"type": name, "parent": f"{number - 1:02d}-{EVALUATED[number - 1]}", **took})
    )


def write_evaluation(run: Path, number: int, name: str, requests: Sequence[dict[str, Any]]) -> Path:
    folder = run / "eval" / f"{number:02d}-{name}"
    folder.mkdir(parents=True)
    for suite, chance, tokens in (("accuracy", ACCURACY[name][0], 66), ("in_context", ACCURACY[name][1], 214)):
        records = [
            _record(
                request,
                chance,
                generator=random.Random(f"{name}{suite}{request['id']}"),
                prompt_tokens=tokens + position % 3,
            )
            for position, request in enumerate(requests)
        ]
        result = summarise(
            records,
            suite=suite,
            model=str(folder),
            seed=0,
            max_new_tokens=128,
            seconds=7.25,
        )
        _write_jsonl(folder / f"{suite}.jsonl", [asdict(record) for record in records])
        (folder / f"{suite}.json").write_text(result.to_json())
    (folder / "efficiency.json").write_text(json.dumps(_efficiency(name)))
    return folder


def _record(request: dict[str, Any], chance: float, *, generator: random.Random, prompt_tokens: int) -> ExampleRecord:
    outcome: Outcome = (
        "correct"
        if generator.random() < chance
        else generator.choice(["wrong", "wrong", "wrong", "no_answer", "truncated"])
    )
    answer = request["answer"] if outcome == "correct" else "Case 4" if request["answer"] != "Case 4" else "Case 2"
    thought = (
        f"I follow {request['policy']}. Condition 1: the objects are red, cyan and gray, so there is one. "
        "I go to Condition 1.1. Condition 1.1: the sphere among them is small and metal."
    )
    text = (
        write_response(thought, answer)
        if outcome in ("correct", "wrong")
        else f"<think>{thought} Condition 1.1: the sphere"
    )
    return ExampleRecord(
        id=request["id"],
        policy=request["policy"],
        prompt_id=request["id"][-4:] * 4,
        prompt_tokens=prompt_tokens,
        request=str(request["prompt"]),
        completion=text,
        extracted=answer if outcome in ("correct", "wrong") else None,
        value=float(outcome == "correct"),
        outcome=outcome,
        reason="ran out of tokens before an answer" if outcome == "truncated" else "no \\boxed{} answer",
        gold=request["answer"],
        images=tuple(request["images"]),
        sections=("1", "1.1" if request["answer"] in ("Case 1", "Case 2") else "1.2"),
    )


def _write_policy(folder: Path, name: str, color: str) -> None:
    folder.mkdir(parents=True)
    crop = folder / "image_1.png"
    draw_scene(crop, random.Random(name), objects=1, size=(32, 32))
    text = POLICY_TEXT.format(name=name, first=color)
    save_policy(Policy(name=name, sections=(text, ImagePart(path=crop), POLICY_END)), folder)


def _write_requests(data: Path, policies: Sequence[str], n: int) -> list[dict[str, Any]]:
    rows = []
    for position in range(n):
        image = data / "images" / f"scene_{position:04d}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        draw_scene(image, random.Random(position), objects=3 + position % 4)
        policy = policies[position % len(policies)]
        rows.append(
            {
                "id": f"test-{position:04d}",
                "policy": policy,
                "prompt": f"What is the response to this image under {policy}?",
                "images": [str(image.resolve())],
                "answer": f"Case {1 + (position * 7 // 3) % 4}",
            }
        )
    _write_jsonl(data / "test.jsonl", rows)
    return rows


def draw_scene(path: Path, generator: random.Random, *, objects: int, size: tuple[int, int] = (128, 96)) -> None:
    """Discs and squares on grey: enough to see that the right image is shown."""
    scene = Image.new("RGB", size, "#b9b9b6")
    pen = ImageDraw.Draw(scene)
    pen.rectangle((0, size[1] // 3, *size), fill="#c9c8c4")
    for position in range(objects):
        x = (position + 0.5) * size[0] / objects
        y = size[1] * (0.55 + 0.3 * (generator.random() - 0.5))
        radius = generator.choice((0.09, 0.15)) * size[1]
        shape = generator.choice((pen.ellipse, pen.rectangle))
        shape((x - radius, y - radius, x + radius, y + radius), fill=generator.choice(list(COLORS.values())))
    scene.save(path)


def _rl_line(step: int, generator: random.Random) -> dict[str, float]:
    free = 0.92 - 0.3 * exp(-step / 18) + generator.gauss(0, 0.03)
    aware = 0.80 - 0.06 * exp(-step / 30) + generator.gauss(0, 0.03)
    return {
        "step": step,
        "loss": generator.gauss(0, 0.01),
        "reward": (free + aware) / 2,
        "reward_policy_free": free,
        "reward_policy_aware": aware,
        "format": min(1.0, 0.985 + generator.gauss(0, 0.006)),
    }


def _efficiency(name: str) -> dict[str, Any]:
    return {
        "model": name,
        "device": "cpu",
        "dtype": "float32",
        "threads": 1,
        "examples": 8,
        "repeats": 5,
        "policy_free": {"mean_tokens": 66.0, "max_tokens": 68, "prefill_seconds": 0.0121},
        "policy_aware": {"mean_tokens": 214.5, "max_tokens": 219, "prefill_seconds": 0.0334},
        "tokens_saved": 1 - 66 / 214.5,
        "prefill_saved": 1 - 0.0121 / 0.0334,
    }


def _recipe() -> dict[str, Any]:
    return {
        "name": "quickstart",
        "seed": 0,
        "model": {"path": "nano"},
        "task": {"type": "clevr", "variant": "M", "layers": 2, "policies": 2},
        "stages": [{"type": name} for name in STAGES],
    }


def _manifest() -> dict[str, Any]:
    return {
        "name": "quickstart",
        "seed": 0,
        "task": "clevr",
        "model": {"path": "nano", "resolved": "/opt/trimpi/models/nano/weights"},
        "policies": {"L2-Surinu": "9f2c" * 16, "L2-Ovelka": "03ab" * 16},
        "data": {"fingerprint": "5e1d" * 16, "train": 400, "test": 60},
        "processes": 1,
        "sessions": [
            {
                "started": "2026-11-22T20:19:00+00:00",
                "environment": {
                    "trimpi": "0.1.0",
                    "git": {"revision": "2c82392b1f0a", "changed": False},
                    "python": "3.11.9",
                    "packages": {"torch": "2.13.0", "transformers": "5.23.0", "trl": "1.16.0"},
                },
            }
        ],
        "stages": [{"name": "01-vm_cpt", "seconds": 41.7}],
        "evaluations": {"00-base": ["accuracy", "in_context"]},
        "finished": "2026-11-22T20:31:00+00:00",
    }


def _write_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
