"""Addresses of views of the record browser: a fragment that its script reads."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

FRAGMENT = "browse"
FACETS = ("suite", "model", "policy", "section", "outcome", "error")
"""What records are filtered by, as the script and the fragment name it; besides these, every tag as "tag:NAME"."""
TAG = "tag:"


def records_link(tags: Mapping[str, str] | None = None, **filters: str | None) -> str:
    """The fragment that shows the records with these values of FACETS, None being any, and of tags."""
    unknown = set(filters) - set(FACETS)
    if unknown:
        raise ValueError(f"records are not filtered by {', '.join(sorted(unknown))}")
    chosen = {facet: value for facet, value in filters.items() if value is not None}
    chosen |= {f"{TAG}{name}": value for name, value in (tags or {}).items()}
    # Half a character cannot be written in an address.
    return f"#{FRAGMENT}?{urlencode(chosen, errors='replace')}"
