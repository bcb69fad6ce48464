"""`trimpi update`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trimpi.cli.arguments import Overrides

if TYPE_CHECKING:
    from trimpi.recipe import Recipe
    from trimpi.run.processes import Processes
    from trimpi.update.folder import VersionFolder
    from trimpi.update.preparing import PreparedUpdate
    from trimpi.update.versions import VersionHistory

SHOWN_IDS = 6


def update(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run of a policy of your own.")],
    policy: Annotated[Path, typer.Argument(metavar="POLICY", help="The new version: a Markdown file, or its folder.")],
    overrides: Overrides = None,
    train: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Training rows with answers under the new version, or new ones.")
    ] = None,
    test: Annotated[Path | None, typer.Option(metavar="FILE", help="Test rows, likewise.")] = None,
    answers_stand: Annotated[
        bool, typer.Option(help="Rows that a changed section decides keep their answers, unless given anew.")
    ] = False,
    replay: Annotated[
        float, typer.Option(min=0, help="Untouched rows to train on again, for each that the change affects.")
    ] = 1.0,
    prepare: Annotated[bool, typer.Option(help="Say what changes and write the folder; train nothing.")] = False,
) -> None:
    """Train a new version of a policy into the model that follows the previous one, and measure what that did.

    Says what changes first. The model in use stays until the new one is measured; trimpi versions goes back.
    """
    from trimpi.run.directory import RunDirectory
    from trimpi.run.processes import join_processes
    from trimpi.update.change import UpdateRequest
    from trimpi.update.moving import follow_begun
    from trimpi.update.preparing import check_rows, find_prepared, prepare_update
    from trimpi.update.recipe import load_update_recipe
    from trimpi.update.versions import VersionHistory

    history = VersionHistory(run_dir)
    request = UpdateRequest(policy=policy, train=train, test=test, answers_stand=answers_stand, replay=replay)
    processes = join_processes()
    if not processes.is_main:
        processes.barrier()
        found = find_prepared(history)
        if found is not None and not prepare:
            _train(found, load_update_recipe(found.folder, overrides or ()), history, processes)
        return
    with RunDirectory(run_dir).locked():
        prepared = prepare_update(history, request)
        _show_plan(prepared.plan, prepared.folder, root=run_dir, policy=policy)
        if not prepare:
            check_rows(prepared)
            recipe = load_update_recipe(prepared.folder, overrides or ())
            follow_begun(prepared.folder)
        processes.barrier()
        if prepare:
            typer.echo(
                f"{prepared.folder.task}: policy, rows and recipe, yours to edit; the same command without --prepare "
                "trains"
            )
        else:
            _train(prepared, recipe, history, processes)


def _train(prepared: PreparedUpdate, recipe: Recipe, history: VersionHistory, processes: Processes) -> None:
    from rich.console import Console

    from trimpi.cli.progress import make_reporter
    from trimpi.cli.services import production_services, quiet_libraries, task_of
    from trimpi.cli.tables import update_table
    from trimpi.run import execute_run
    from trimpi.update.finishing import finish_update

    quiet_libraries()
    services = production_services(processes, make_reporter(is_main=processes.is_main))
    page = execute_run(recipe, prepared.folder.run, services=services)
    if page is None:
        return
    result = finish_update(prepared, history, task_of(recipe))
    Console().print(update_table(result))
    typer.echo(f"report: {page}")
    typer.echo(
        f"version {prepared.number} is in use: {shlex.join(['trimpi', 'serve', str(history.root)])}; "
        f"{shlex.join(['trimpi', 'versions', str(history.root)])} --use {prepared.plan['parent']} goes back"
    )


def _show_plan(plan: Mapping[str, Any], folder: VersionFolder, *, root: Path, policy: Path) -> None:
    typer.echo(f"{plan['policy']['name']}: version {plan['number']}, from version {plan['parent']}")
    if plan["opening"]:
        typer.echo("  the text before the first section is another one; no row says that it depends on it")
    if plan["reordered"]:
        typer.echo("  sections stand in another order")
    for change in plan["sections"]:
        typer.echo(f"  {change['kind']}: {change['section']}")
        for line in change["lines"]:
            typer.echo(f"    {line}")
    for split, rows in plan["rows"].items():
        typer.echo(f"{split} rows: {_say_rows(rows)}")
        if rows["unanswered"]:
            file = folder.unanswered(split)
            typer.echo(f"  left out, since nobody says what is right now: {_some(rows['unanswered'])} ({file})")
        if unsaid := plan["no_section"][split]:
            typer.echo(f"  {len(unsaid)} of the untouched name no section that could have changed: {_some(unsaid)}")
    trained = sum(len(plan["rows"]["train"][name]) for name in ("changed", "confirmed"))
    typer.echo(f"trained on: {trained} affected rows and {len(plan['replayed'])} of the untouched")
    if not any(plan["rows"]["test"][name] for name in ("changed", "confirmed")):
        typer.echo("no test row measures the change: give some with --test FILE")
    shown = shlex.join(["trimpi", "serve", str(root), "--policy", str(policy), "--update"])
    typer.echo(f"until it is in use, the previous model can be shown it: {shown}")


def _say_rows(rows: Mapping[str, Any]) -> str:
    kinds = {
        "changed": "changed or new",
        "confirmed": "decided by a changed section, their answer as it was",
        "untouched": "untouched",
        "unanswered": "left out",
    }
    return ", ".join(f"{len(rows[name])} {said}" for name, said in kinds.items() if rows[name]) or "none"


def _some(ids: list[str]) -> str:
    more = f" and {len(ids) - SHOWN_IDS} more" if len(ids) > SHOWN_IDS else ""
    return ", ".join(ids[:SHOWN_IDS]) + more


def versions(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run, updated or not.")],
    use: Annotated[int | None, typer.Option(metavar="N", help="Use this version from now on.")] = None,
) -> None:
    """Show the versions of a policy that a run has learned, or go back to one of them."""
    from rich.console import Console

    from trimpi.cli.tables import versions_table
    from trimpi.update.versions import VersionHistory

    history = VersionHistory(run_dir)
    if use is not None:
        version = history.use(use)
        typer.echo(f"version {version.number} is in use: {history.model(version)}")
    Console().print(versions_table(history))
