"""Whether a port can be listened on, asked before minutes are spent on loading a model."""

from __future__ import annotations

import socket

from trimpi.errors import DataError


def require_port(host: str, port: int) -> None:
    """Raises DataError when nothing can listen there now: it is taken, not allowed, or the host is none of ours."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As the servers do: a port that was closed a moment ago is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise DataError(
            f"--port {port} cannot be used on {host} ({error.strerror}): stop what listens there, or give another"
        ) from None
