"""How a policy is written as Markdown: pieces of text, images as ![](path), and the name.

Everything that is not an inline image reference is text and is kept character for character: line ends, blank lines,
headings. An image's alternative text and title are for people and are not part of the policy. A backslash in front of a
reference, \\![x](y), makes it text. A document whose name is not its first level-one heading says it in front matter:

    ---
    name: "L3-Surinu"
    ---
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

BYTE_ORDER_MARK = "\ufeff"
# No class contains the character that opens the next reference and no repetition gives back, so the search takes linear
# time in any text, and a text and a reference beside it never read as a third thing.
REFERENCE = re.compile(
    r"""(?<!\\)(?P<escapes>\\*+)(?P<image>
    !\[[^\[\]]*+\]                                                # ![alternative text]
    \((?P<path>[^()!"\r\n]*+(?:\([^()!"\r\n]*+\)[^()!"\r\n]*+)*+)  # (path, with or without (1) in it
    (?:"[^"\[\r\n]*+"[ \t]*+)?\))                                 # "title")
    """,
    re.VERBOSE,
)
FRONT_MATTER = re.compile(r"---\r?\nname:[ \t]*(?P<name>[^\r\n]*)\r?\n---\r?\n")
HEADING = re.compile(r"^#[ \t]+(?P<title>[^\s][^\r\n]*)", re.MULTILINE)
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An image named by a path relative to the document."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A policy document taken apart; `name` is None when neither front matter nor a heading says it."""

    name: str | None
    pieces: tuple[str | Reference, ...]


def read(text: str) -> Document:
    """Take a document apart. Never fails: what is no image and no name is text."""
    text = text.removeprefix(BYTE_ORDER_MARK)
    front_matter = FRONT_MATTER.match(text)
    body = text[front_matter.end() :] if front_matter else text
    name = _front_matter_name(front_matter["name"]) if front_matter else _heading(body)
    pieces: list[str | Reference] = []
    position = 0
    for match in REFERENCE.finditer(body):
        backslashes, escaped = divmod(len(match["escapes"]), 2)
        pieces.append(body[position : match.start()] + "\\" * backslashes)
        pieces.append(match["image"] if escaped else Reference(path=_bare_path(match["path"])))
        position = match.end()
    pieces.append(body[position:])
    return Document(name=name, pieces=tuple(pieces))


def write(name: str, pieces: Sequence[str | Reference]) -> str:
    """Put a document together; `read` gives the same name and pieces back. No two texts may stand side by side."""
    body = ""
    for piece in pieces:
        if isinstance(piece, Reference):
            trailing = len(body) - len(body.rstrip("\\"))
            body += "\\" * trailing + f"![]({piece.path})"
        else:
            body += REFERENCE.sub(lambda match: match["escapes"] * 2 + "\\" + match["image"], piece)
    if _heading(body) == name and not FRONT_MATTER.match(body) and not body.startswith(BYTE_ORDER_MARK):
        return body
    return f"---\nname: {json.dumps(name)}\n---\n{body}"


def is_remote(path: str) -> bool:
    """Whether a reference is a URL (http:, file:, data:) and not a path."""
    return SCHEME.match(path) is not None


def _front_matter_name(written: str) -> str:
    try:
        name = json.loads(written)
    except json.JSONDecodeError:
        name = written
    return name if isinstance(name, str) else written


def _heading(body: str) -> str | None:
    heading = HEADING.search(body)
    return heading["title"].rstrip() if heading else None


def _bare_path(written: str) -> str:
    """The path as CommonMark writes it: spaces around it go, and angle brackets may hold it."""
    path = written.strip()
    return path[1:-1] if path.startswith("<") and path.endswith(">") else path
