"""`trimpi serve`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from trimpi.serving.limits import MEGABYTE, Limits

KEY_VARIABLE = "TRIMPI_API_KEY"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
DEFAULTS = Limits()


def serve(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A run, a model folder, a hub id, or nano.")],
    name: Annotated[str | None, typer.Option(help="What clients call the model; its own name.")] = None,
    stage: Annotated[str | None, typer.Option(help="A stage of a run, such as 03-rl; its last.")] = None,
    host: Annotated[str, typer.Option(help="Where to listen; beyond this machine it takes a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for any that is free.")] = 8000,
    api_key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help=f"Keys, one a line; ${KEY_VARIABLE} is one more.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A policy to show in every prompt, until it is trained in.")
    ] = None,
    update: Annotated[bool, typer.Option(help="Say in prompts that --policy is an update.")] = False,
    image_folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Answer file: URLs of images below this folder.")
    ] = None,
    instruction: Annotated[str | None, typer.Option(help="The system turn of requests without one; the run's.")] = None,
    engine: Annotated[
        Literal["prefix", "plain"], typer.Option(help="prefix, or plain for transformers' generate.")
    ] = "prefix",
    temperature: Annotated[float, typer.Option(min=0, max=2, help="Where a request names none; 0 is greedy.")] = 0.0,
    batch: Annotated[int, typer.Option(min=1, help="Answers written together.")] = DEFAULTS.batch,
    waiting: Annotated[int, typer.Option(min=1, help="Answers that may wait; more get status 429.")] = DEFAULTS.waiting,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="The longest answer.")] = DEFAULTS.new_tokens,
    max_prompt_tokens: Annotated[int | None, typer.Option(min=1, help="The longest prompt; the model's.")] = None,
    max_body_mb: Annotated[float, typer.Option(min=0.001, help="Largest request.")] = DEFAULTS.body_bytes / MEGABYTE,
    body_seconds: Annotated[float, typer.Option(min=0.1, help="To send it in.")] = DEFAULTS.body_seconds,
    max_images: Annotated[int, typer.Option(min=0, help="Images in a request.")] = DEFAULTS.images,
    max_image_mb: Annotated[float, typer.Option(min=0.001, help="Largest file.")] = DEFAULTS.image_bytes / MEGABYTE,
    max_image_megapixels: Annotated[float, typer.Option(min=0.001, help="Largest image.")] = DEFAULTS.image_pixels
    / MEGABYTE,
    connections: Annotated[int, typer.Option(min=1, help="Open at once; more get status 503.")] = DEFAULTS.connections,
    shutdown_seconds: Annotated[int, typer.Option(min=0, help="For requests in flight.")] = DEFAULTS.shutdown_seconds,
) -> None:
    """Serve a model to OpenAI's clients: policy-free, with the answers that `trimpi eval` computes."""
    from dataclasses import replace

    limits = replace(
        DEFAULTS,
        batch=batch,
        waiting=waiting,
        new_tokens=max_new_tokens,
        prompt_tokens=max_prompt_tokens,
        body_bytes=int(max_body_mb * MEGABYTE),
        body_seconds=body_seconds,
        images=max_images,
        image_bytes=int(max_image_mb * MEGABYTE),
        image_pixels=int(max_image_megapixels * MEGABYTE),
        connections=connections,
        shutdown_seconds=shutdown_seconds,
    )
    keys = read_keys(api_key_file)
    refuse_options(host=host, keys=keys, image_folder=image_folder, update=update, policy=policy)

    from trimpi.policies import load_policy
    from trimpi.serving.source import find_model

    source = find_model(model, stage=stage)
    source = replace(source, instruction=instruction or source.instruction)
    shown = None if policy is None else load_policy(policy)

    from trimpi.cli.extras import require_extra

    require_extra("serve", "fastapi", "uvicorn", "prometheus_client")

    from trimpi.cli.services import quiet_libraries
    from trimpi.serving.ports import require_port
    from trimpi.serving.server import make_app, run_server

    require_port(host, port)
    quiet_libraries()
    app = make_app(
        source,
        name=name or source.name,
        limits=limits,
        engine=engine,
        keys=keys,
        policy=shown,
        update=update,
        local_images=image_folder,
        temperature=temperature,
    )
    under = "" if shown is None else f", with the policy {shown.name} in every prompt"
    typer.echo(f"model {name or source.name}: {source.path}{under}", err=True)
    run_server(app, host=host, port=port, limits=limits)


def read_keys(path: Path | None) -> list[str]:
    """The keys that are accepted: the file's lines and the environment's. Raises DataError for a file without any."""
    from trimpi.errors import DataError

    keys = [os.environ[KEY_VARIABLE]] if os.environ.get(KEY_VARIABLE) else []
    if path is not None:
        try:
            found = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"--api-key-file {path} cannot be read ({error}): write a key a line") from None
        if not found:
            raise DataError(f"--api-key-file {path} holds no key: write one a line")
        keys += found
    return keys


def refuse_options(*, host: str, keys: list[str], image_folder: Path | None, update: bool, policy: Path | None) -> None:
    """Raises DataError for options that do not go together, or would leave a door open."""
    from trimpi.errors import DataError

    if host not in LOOPBACK and not keys:
        raise DataError(
            f"--host is {host}, where others can reach it, and there is no key: set {KEY_VARIABLE} or give "
            "--api-key-file"
        )
    if image_folder is not None and not image_folder.is_dir():
        raise DataError(f"--image-folder is {image_folder}, which is not a folder")
    if update and policy is None:
        raise DataError("--update says that a policy is new: give --policy too")
