"""A port that is taken is refused before a model is loaded."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cli.test_commands import one_line_refusal
from tiny_task import save_tiny_model
from trimpi.errors import DataError
from trimpi.serving.ports import require_port


def test_a_taken_port_is_refused_and_a_closed_one_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DataError, match=f"--port {port} cannot be used on 127.0.0.1"):
            require_port("127.0.0.1", port)
    require_port("127.0.0.1", port)
    require_port("127.0.0.1", 0)


def test_the_server_says_so_before_it_loads_the_model(tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "tiny")
    (model / "model.safetensors").write_bytes(b"no weights")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"--port {port} cannot be used" in one_line_refusal("serve", str(model), "--port", str(port))
