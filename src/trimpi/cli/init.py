"""`trimpi init`."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from trimpi.types import Example

RECIPE = "recipe.yaml"
MOST_CHOICES = 20
"""So many different answers, each given several times, are choices; more are texts."""


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, or one with policy and rows of yours.")],
    model: Annotated[str, typer.Option(help="The base model: nano, a folder, or a hub id.")] = "nano",
) -> None:
    """Write a task folder to begin with: a policy with a picture, rows, a recipe, and what each of them is.

    In a folder that has policy.md and rows but no recipe, a recipe is written that fits them. Nothing is overwritten.
    """
    from trimpi.errors import DataError
    from trimpi.tasks.custom.row_writer import write_text
    from trimpi.tasks.custom.starter import write_starter

    if (folder / RECIPE).exists():
        raise DataError(f"{folder / RECIPE} is there already: delete it to have a new one, or name another folder")
    filled = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if filled and not (folder / "train.jsonl").exists():
        raise DataError(
            f"{folder} is not empty and nothing is overwritten: name a new folder; a recipe alone is written where "
            "policy.md, train.jsonl and test.jsonl are"
        )
    if not filled:
        write_starter(folder)
        typer.echo(f"{folder}: a policy with a picture, rows, README.md")
    examples = _examples(folder)
    write_text(_recipe(folder, examples, model), folder / RECIPE)
    check = shlex.join(["trimpi", "check", str(folder / RECIPE)])
    typer.echo(f"{folder / RECIPE}: for {len(examples)} training rows; next: {check}")


def _examples(folder: Path) -> list[Example]:
    """The training examples of the folder, which is then known to be sound."""
    from trimpi.recipe import CustomTaskConfig
    from trimpi.tasks.custom.task import CustomTask

    return list(CustomTask(CustomTaskConfig(path=folder)).examples("train"))


def _recipe(folder: Path, examples: list[Example], model: str) -> str:
    from trimpi.rewards.response import write_response
    from trimpi.rewards.tool_call import read_call, read_json
    from trimpi.tasks.custom.starter_recipe import DataSize, write_recipe

    answers = [example.answer for example in examples]
    if all(not isinstance(read_call(answer), str) for answer in answers):
        reward = "tool_call"
    elif all(answer.startswith("{") and not isinstance(read_json(answer), str) for answer in answers):
        reward = "json"
    else:
        reward = "choice" if 2 <= len(set(answers)) <= min(MOST_CHOICES, len(answers) / 2) else "exact"
    size = DataSize(
        train=len(examples),
        reasoned=all(example.cot for example in examples),
        # Three characters a token is short for English, so this is rather too many tokens than too few.
        longest_response=max((len(write_response(e.cot, e.answer)) // 3 + 16 for e in examples), default=0),
    )
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip(".-_") or "own-policy"
    return write_recipe(name, reward, size, model=model)
