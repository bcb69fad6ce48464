"""`trimpi serve` as an operator starts it: a process of its own on a free port."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LONGEST_WAIT = 120.0
"""Seconds, until it answers or has ended."""
ADDRESS = re.compile(r"running on http://127\.0\.0\.1:(\d+)")
KEY = "right"


@dataclass(frozen=True, kw_only=True)
class Server:
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@contextmanager
def served(model: Path, log: Path, *options: str) -> Iterator[Server]:
    """The server, with `KEY` as its key; ended afterwards."""
    command = [sys.executable, "-m", "trimpi", "serve", str(model), "--port", "0", *options]
    environment = {**os.environ, "TRIMPI_API_KEY": KEY, "OMP_NUM_THREADS": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        yield Server(port=_port(process, log), process=process, log=log)
    finally:
        process.kill()
        process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    end = time.monotonic() + LONGEST_WAIT
    while time.monotonic() < end and process.poll() is None:
        if found := ADDRESS.search(log.read_text()):
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")
