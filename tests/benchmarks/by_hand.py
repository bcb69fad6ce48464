"""A result by hand, for what is made of results."""

from __future__ import annotations

from typing import Any

from benchmarks.rows import left_out, rows_of_case
from benchmarks.storage import Result


def result(**changes: Any) -> Result:
    """Two cases; the slow contestant is left out of the second."""
    rows = rows_of_case(
        "short", {"ours": [2.0, 1.0, 3.0], "theirs": [5.0]}, reference="ours", facts={"theirs": {"peak MB": 12.5}}
    )
    rows += rows_of_case("long", {"ours": [4.0]}, reference="ours")
    rows.append(left_out("long", "theirs", "left out: more than 60 s"))
    settings: dict[str, Any] = {
        "name": "example",
        "title": "An example",
        "reads": "ours",
        "model": "nano",
        "quick": False,
        "seconds": 15.0,
        "sizes": {"repeats": 3},
        "machine": {"processor": "a processor", "device": "cpu", "threads": 2},
        "rows": rows,
    }
    return Result(**{**settings, **changes})
