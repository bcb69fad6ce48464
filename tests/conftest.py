"""What every test begins with."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def nothing_told_yet() -> None:
    """A process says once why it does not share prefixes; which tests share a process must not matter."""
    support = sys.modules.get("trimpi.prefix.support")
    if support is not None:
        support._tell.cache_clear()
