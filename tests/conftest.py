"""What every test begins with."""

from __future__ import annotations

import sys

import pytest

from skips import skip_lines


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that none of them is what everybody waits for in the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: item.path not in slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in skip_lines(terminalreporter.stats.get("skipped", ())):
        terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def nothing_told_yet() -> None:
    """A process says once why it does not share prefixes; which tests share a process must not matter."""
    support = sys.modules.get("trimpi.prefix.support")
    if support is not None:
        support._tell.cache_clear()
