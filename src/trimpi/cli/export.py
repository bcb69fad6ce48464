"""`trimpi export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A run, a model folder, or a hub id.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A folder that is not there yet.")],
    stage: Annotated[str | None, typer.Option(help="A stage of a run, such as 03-rl; its last.")] = None,
    adapter: Annotated[bool, typer.Option(help="Write what LoRA stages added, not the merged weights.")] = False,
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"] | None, typer.Option(help="Of the merged weights; the training's.")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(min=0, help="Nats that log-probabilities may differ by; 0.001, 0.5 in 16 bits.")
    ] = None,
    push_to_hub: Annotated[str | None, typer.Option(metavar="REPO", help="Upload it too, such as me/desk.")] = None,
    public: Annotated[bool, typer.Option(help="With --push-to-hub: a repository that everybody can read.")] = False,
) -> None:
    """Write a model to give away, with its card, once it was checked against the trained one."""
    from trimpi.errors import ModelError
    from trimpi.serving.source import find_model

    if adapter and dtype is not None:
        raise ModelError("--dtype is of merged weights: leave it out with --adapter")
    if public and push_to_hub is None:
        raise ModelError("--public is about an upload: give --push-to-hub REPO too")
    source = find_model(model, stage=stage)

    from trimpi.cli.services import quiet_libraries
    from trimpi.serving.commands import serving_commands
    from trimpi.serving.export import export_model
    from trimpi.serving.limits import Limits

    quiet_libraries()
    exported = export_model(source, out, adapter=adapter, dtype=dtype, tolerance=tolerance)
    parity = exported.parity
    typer.echo(
        f"{out}: log-probabilities of {parity.tokens:,} tokens of {parity.prompts} prompts differ by at most "
        f"{parity.difference:.2g} (allowed: {parity.bound:.2g}); its card is {out / 'README.md'}"
    )
    commands = serving_commands(out, name=source.name, images=Limits().images, adapter_of=exported.adapter_of)
    typer.echo("to serve it (vLLM's command was not tried on the machine it was written on):")
    for server, command in commands.items():
        typer.echo(f"  {server}: {command}")
    if push_to_hub is not None:
        from trimpi.serving.hub import push_to_hub as push

        typer.echo(f"uploaded: {push(out, push_to_hub, private=not public)}")
