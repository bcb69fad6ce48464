"""`trimpi data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from trimpi.cli.arguments import Overrides, RecipeFile
from trimpi.cli.failures import reported

MAKE = "make"


class RecipeByDefault(TyperGroup):
    """`trimpi data RECIPE` makes a recipe's data; what is no command of the group is a recipe."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        chosen = [MAKE, *args] if args and args[0] not in (*self.commands, "--help") else args
        return super().parse_args(ctx, chosen)


def make(
    recipe_file: RecipeFile,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Where to write; data/NAME unless given.")] = None,
) -> None:
    """Make a recipe's data and check it: policies as Markdown, examples as JSON lines."""
    from trimpi.cli.progress import make_reporter
    from trimpi.cli.services import task_of
    from trimpi.recipe import load_recipe
    from trimpi.run.data import write_data

    recipe = load_recipe(recipe_file, overrides or ())
    with make_reporter().track("preparing the data") as progress:
        task = task_of(recipe, progress)
        task.validate()
    folder = out or Path("data") / recipe.name
    write_data(task, folder)
    for line in task.left_out:
        typer.echo(f"left out: {line}")
    typer.echo(
        f"{folder}: {len(task.policies)} policies, {len(task.examples('train'))} training and "
        f"{len(task.examples('test'))} test examples"
    )


def import_chat_logs(
    logs: Annotated[Path, typer.Argument(metavar="LOGS", help='JSON lines {"messages": [...]}, OpenAI-style.')],
    out: Annotated[Path, typer.Option(help="The task folder to write rows and images into.")],
    test_share: Annotated[float, typer.Option(min=0.0, max=1.0, help="The share of rows to measure with.")] = 0.25,
) -> None:
    """Bring chat logs into a task folder: the last answer of each chat is its gold answer.

    Texts stay as they are, personal data included; nothing is sent or fetched. A system prompt that all chats share
    becomes policy.md where the folder has none.
    """
    from trimpi.tasks.custom.chat_logs import import_logs

    had_policy = (out / "policy.md").exists()
    imported = import_logs(logs, out, test_share=test_share)
    for line in imported.left_out:
        typer.echo(f"left out: {line}")
    if (out / "policy.md").exists() and not had_policy:
        typer.echo(f"{out / 'policy.md'}: the system prompt of all chats")
    elif imported.system_texts:
        kinds = len(imported.system_texts)
        typer.echo(f"the chats' system prompts ({kinds} different) are not in the rows: policy.md takes their place")
    train, test = (len(imported.rows[split]) for split in ("train", "test"))
    typer.echo(f"{out}: {train} training and {test} test rows; {len(imported.left_out)} lines left out")


data = typer.Typer(
    cls=RecipeByDefault,
    no_args_is_help=True,
    help="Make a recipe's data (trimpi data RECIPE), or bring chat logs into a task folder (trimpi data import LOGS).",
)
data.command(MAKE)(reported(make))
data.command("import")(reported(import_chat_logs))
