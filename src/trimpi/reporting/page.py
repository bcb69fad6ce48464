"""A page that stands alone: templates that escape everything, one policy of what it may load, data that is inert."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from trimpi.evaluation.results import OUTCOMES
from trimpi.reporting import wording
from trimpi.reporting.measures import accuracy_measure, part_measure
from trimpi.reporting.record_links import records_link

TEMPLATES = Path(__file__).parent / "templates"
SCRIPT_FILE = "browser.js"
# Nothing in a script element may end it or start a comment; line separators were line ends in older JavaScript.
INERT = str.maketrans(
    {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "\N{LINE SEPARATOR}": "\\u2028",
        "\N{PARAGRAPH SEPARATOR}": "\\u2029",
    }
)


def render_page(template: str, content: Mapping[str, Any], *, scripted: bool) -> str:
    """The page's HTML. `scripted` puts the record browser's script in, and allows that script alone by its hash."""
    script = read_asset(SCRIPT_FILE) if scripted else ""
    html = (
        _environment()
        .get_template(template)
        .render(**content, security_policy=security_policy(script), script=Markup(script))
    )
    # Text from JSON can hold half a character, which no file can.
    return html.encode("utf-8", "replace").decode("utf-8")


def security_policy(script: str) -> str:
    """The page's Content-Security-Policy: pictures and styles that are in it, and no script but the given one."""
    allowed = f"; script-src '{script_hash(script)}'" if script else ""
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'{allowed}"


def script_hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def inert_json(data: Any) -> Markup:
    """JSON for a `<script type="application/json">` element: no text in it can end the element."""
    return Markup(json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(INERT))


def size_in_page(data: Any) -> int:
    """Bytes that data takes up in a page as inert JSON."""
    return len(inert_json(data).encode("utf-8", "replace"))


@cache
def read_asset(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=wording.percent,
        interval=wording.interval,
        count=wording.count,
        share=_share,
        part_label=wording.part_label,
        suite_label=wording.suite_label,
        suite_meaning=wording.suite_meaning,
        words=wording.words,
        sentence=wording.sentence,
        points=wording.points,
        points_interval=wording.points_interval,
        p_value=wording.p_value,
    )
    environment.globals.update(
        outcome_labels=wording.OUTCOME_LABELS,
        outcomes=OUTCOMES,
        missing=wording.MISSING,
        accuracy_measure=accuracy_measure,
        part_measure=part_measure,
        records_link=records_link,
        style=lambda name: Markup(read_asset(name)),
    )
    return environment


def _share(number: float) -> str:
    """A share as a CSS percentage."""
    return f"{100 * number:.2f}%"
