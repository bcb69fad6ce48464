"""What every test begins with."""

from __future__ import annotations

import sys

import pytest

from skips import skip_lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in skip_lines(terminalreporter.stats.get("skipped", ())):
        terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def nothing_told_yet() -> None:
    """A process says once why it does not share prefixes; which tests share a process must not matter."""
    support = sys.modules.get("trimpi.prefix.support")
    if support is not None:
        support._tell.cache_clear()
