"""A model loaded and put behind its endpoint."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from trimpi.models.loading import load_model, load_processor
from trimpi.policies import Policy
from trimpi.recipe import Engine
from trimpi.rendering.prompts import as_update
from trimpi.rendering.renderer import Renderer
from trimpi.serving.app import Service, build_app
from trimpi.serving.batcher import Batcher
from trimpi.serving.conversation import Conversations
from trimpi.serving.limits import Limits
from trimpi.serving.source import ModelSource
from trimpi.serving.waves import wave_maker
from trimpi.types import Message

WARM_UP = ("a", "b")
"""Two requests that differ from the first character, so that what prompts of a policy share is the policy alone."""


def make_app(
    source: ModelSource,
    *,
    name: str,
    limits: Limits,
    engine: Engine = "prefix",
    keys: Sequence[str] = (),
    policy: Policy | None = None,
    update: bool = False,
    local_images: Path | None = None,
    temperature: float = 0.0,
) -> ASGIApp:
    """The application of a loaded model. A `policy` stands in every prompt, as an `update` if one was learned before.

    Raises ModelError when the model cannot be loaded, and DataError when the policy cannot stand in its prompts.
    """
    renderer = Renderer(load_processor(source.path), instruction=source.instruction)
    shown = policy if policy is None or not update else as_update(policy)
    conversations = Conversations(writer=renderer.prompts, policy=shown)
    kept = () if shown is None else [conversations.of([Message(role="user", parts=(text,))]) for text in WARM_UP]
    for prompt in kept:
        renderer.text(prompt)
    model = load_model(source.path, dtype=source.model.dtype, attn=source.model.attention)
    waves = wave_maker(model, renderer, batch=limits.batch, engine=engine, kept=kept)
    return build_app(
        Service(
            model=name,
            created=int(time.time()),
            conversations=conversations,
            batcher=Batcher(waves, renderer, limits),
            limits=limits,
            keys=keys,
            local_images=local_images,
            temperature=temperature,
        )
    )


def run_server(app: ASGIApp, *, host: str, port: int, limits: Limits) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are answered first, as long as `limits.shutdown_seconds`."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn handles them while it runs and raises them again when it has stopped, where they have done their work.
        signal.signal(number, lambda *_: None)
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="info",
        server_header=False,
        ws="none",
        limit_concurrency=limits.connections,
        timeout_graceful_shutdown=limits.shutdown_seconds,
    )
