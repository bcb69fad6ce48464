"""A chat endpoint on this machine that does what a script says, one step per request, and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What goes back. `cut` bytes are announced and not sent; with `hang` nothing goes back until the server stops."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int = 0
    hang: bool = False


def says(text: str | None, *, finish: str = "stop", usage: tuple[int, int] | None = (10, 2), cut: int = 0) -> Reply:
    """A chat completion."""
    completion: Body = {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish},
        ],
    }
    if usage is not None:
        completion["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return Reply(body=json.dumps(completion).encode(), cut=cut)


def fails(status: int, message: str = "no", *, code: str | None = None, **headers: str) -> Reply:
    """An error as endpoints say it; `retry_after="3"` becomes a header."""
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    return Reply(status=status, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class ScriptedServer:
    """Takes the steps in turn; a step may be a function of the request's body. After the last one: 500."""

    steps: list[Reply | Callable[[Body], Reply]]
    asked: list[Body] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    stopped: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)
    url: str = ""

    def reply(self, body: Body, key: str) -> Reply:
        with self.lock:
            number = len(self.asked)
            self.asked.append(body)
            self.keys.append(key)
        step = self.steps[number] if number < len(self.steps) else fails(500, "the script has ended")
        return step if isinstance(step, Reply) else step(body)


@contextmanager
def serving(*steps: Reply | Callable[[Body], Reply]) -> Iterator[ScriptedServer]:
    """The server, until the block ends."""
    script = ScriptedServer(steps=list(steps))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reply = script.reply({**body, "path": self.path}, self.headers.get("Authorization", ""))
            if reply.hang:
                script.stopped.wait(30)
                return
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body[: len(reply.body) - reply.cut])
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield script
    finally:
        script.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()
