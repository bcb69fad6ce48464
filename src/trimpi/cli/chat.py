"""`trimpi chat`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from trimpi.policies import Policy
    from trimpi.serving.source import ModelSource

HOST = "127.0.0.1"


def chat(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The internalized model: a run, a folder, or nano.")],
    prompted: Annotated[
        str | None, typer.Option(metavar="BASE", help="A model beside it that is shown --policy.")
    ] = None,
    policy: Annotated[Path | None, typer.Option(metavar="FILE", help="The policy of --prompted.")] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="The longest answer.")] = 256,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port, on this machine alone.")] = 7860,
) -> None:
    """Show a page on which the prompted and the internalized model answer the same request, with tokens and times."""
    from trimpi.cli.extras import require_extra
    from trimpi.errors import DataError
    from trimpi.policies import load_policy
    from trimpi.serving.ports import require_port
    from trimpi.serving.source import find_model

    if (prompted is None) != (policy is None):
        raise DataError("--prompted and --policy belong together: the model, and the policy it is shown")
    sources: list[tuple[ModelSource, str, Policy | None]] = [
        (find_model(model), "internalized, no policy in the prompt", None)
    ]
    if prompted is not None and policy is not None:
        shown = load_policy(policy)
        sources.insert(0, (find_model(prompted), f"prompted, with {shown.name} in the prompt", shown))
    require_extra("chat", "gradio")
    require_port(HOST, port)
    # Set before gradio is imported: it would report its use, and look for newer versions.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

    from trimpi.cli.services import quiet_libraries
    from trimpi.serving.chat_page import build_page, launch
    from trimpi.serving.side_by_side import Speaker

    quiet_libraries()
    speakers = [
        Speaker(source, label=f"{source.name}: {how}", policy=shown_policy) for source, how, shown_policy in sources
    ]
    page = build_page(speakers, new_tokens=max_new_tokens)
    typer.echo(f"page: http://{HOST}:{port} (Ctrl-C ends it)")
    launch(page, host=HOST, port=port)
