"""What a run of the tests left out, in a few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import pytest


def skip_lines(skipped: Iterable[pytest.TestReport]) -> Iterator[str]:
    """One line a reason, with how many tests it kept from running; the commonest first."""
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)  # type: ignore[index, union-attr]
    for reason, count in reasons.most_common():
        yield f"{count} skipped: {reason}"
