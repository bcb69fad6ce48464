"""How a policy is written as Markdown: pieces of text, images as ![](path), and the name.

An image may also be written as ![x][label], with a line "[label]: path" anywhere, or as <img src="path">. Everything
else is text and is kept character for character: blank lines, headings. An image's alternative text and title are for
people and are not part of the policy, nor is the line of a label that an image uses. A backslash in front of an image,
\\![x](y), makes it text. A document whose name is not its first level-one heading says it in front matter:

    ---
    name: "L3-Surinu"
    ---
"""

from __future__ import annotations

import html
import json
import re
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BYTE_ORDER_MARK = "\ufeff"
# No class contains the character that opens the next reference and no repetition gives back, so the search takes linear
# time in any text, and a text and a reference beside it never read as a third thing.
REFERENCE = re.compile(
    r"""(?<!\\)(?P<escapes>\\*+)(?P<image>
    !\[(?P<alternative>[^\[\]]*+)\]                               # ![alternative text]
    (?:\((?P<path>[^()!"\r\n]*+(?:\([^()!"\r\n]*+\)[^()!"\r\n]*+)*+)  # (path, with or without (1) in it
    (?:"[^"\[\r\n]*+"[ \t]*+)?\)                                  # "title")
    |\[(?P<label>[^\[\]]*+)\])                                    # or [label]
    |<[Ii][Mm][Gg](?P<attributes>[\s/][^<>!]*+)>)                  # <img attributes>
    """,
    re.VERBOSE,
)
SOURCE = re.compile(r"""\ssrc\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'=`]+))""", re.IGNORECASE)
DEFINITION = re.compile(
    r"""^[ ]{0,3}\[(?P<label>[^\[\]\r\n]++)\]:[ \t]*+(?P<path><[^<>\r\n]*+>|[^\s<][^\s]*+)"""
    r"""(?:[ \t]++(?:"[^"\r\n]*+"|'[^'\r\n]*+'|\([^()\r\n]*+\)))?[ \t]*+(?=\r?$)""",
    re.MULTILINE,
)
LOOKS_LIKE_IMAGE = re.compile(r"(?<!\\)(?:!\[|<img[\s/])", re.IGNORECASE)
FRONT_MATTER = re.compile(r"---\r?\nname:[ \t]*(?P<name>[^\r\n]*)\r?\n---\r?\n")
HEADING = re.compile(r"^#[ \t]+(?P<title>[^\s][^\r\n]*)", re.MULTILINE)
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An image named by a path relative to the document; `line` is where it was read, from 1."""

    path: str
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A policy document taken apart; `name` is None when neither front matter nor a heading says it.

    `unread` are the lines with what looks like an image and is text, such as a label that no line explains.
    """

    name: str | None
    pieces: tuple[str | Reference, ...]
    unread: tuple[int, ...]


def read(text: str) -> Document:
    """Take a document apart. Never fails: what is no image and no name is text."""
    text = text.removeprefix(BYTE_ORDER_MARK)
    front_matter = FRONT_MATTER.match(text)
    body = text[front_matter.end() :] if front_matter else text
    name = _front_matter_name(front_matter["name"]) if front_matter else _heading(body)
    body, paths = _without_used_labels(body)
    first = text.count("\n", 0, front_matter.end()) + 1 if front_matter else 1
    ends = [end.start() for end in re.finditer("\n", body)]
    pieces: list[str | Reference] = []
    unread: list[int] = []

    def keep_text(start: int, end: int, backslashes: int) -> None:
        pieces.append(body[start:end] + "\\" * backslashes)
        unread.extend(first + bisect(ends, found.start()) for found in LOOKS_LIKE_IMAGE.finditer(body, start, end))

    position = 0
    for match in REFERENCE.finditer(body):
        backslashes, escaped = divmod(len(match["escapes"]), 2)
        path = None if escaped else _path(match, paths)
        if path is None and not escaped:
            continue
        keep_text(position, match.start(), backslashes)
        line = first + bisect(ends, match.start("image"))
        pieces.append(match["image"] if path is None else Reference(path=path, line=line))
        position = match.end()
    keep_text(position, len(body), 0)
    return Document(name=name, pieces=tuple(pieces), unread=tuple(dict.fromkeys(unread)))


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


def _without_used_labels(body: str) -> tuple[str, dict[str, str]]:
    """The body without the lines that say where the labels of images lead, their line ends left; and the paths."""
    used = {_label(match) for match in REFERENCE.finditer(body) if len(match["escapes"]) % 2 == 0} - {None}
    paths: dict[str, str] = {}

    def take(definition: re.Match[str]) -> str:
        label = _same(definition["label"])
        if label not in used:
            return definition[0]
        paths.setdefault(label, _bare_path(definition["path"]))
        return ""

    return DEFINITION.sub(take, body), paths


def _path(match: re.Match[str], paths: Mapping[str, str]) -> str | None:
    """Where an image lies; None for one without a source, or with a label that is not explained."""
    if match["attributes"] is not None:
        source = SOURCE.search(match["attributes"])
        return None if source is None else html.unescape(source[source.lastgroup or 0]).strip()
    label = _label(match)
    return _bare_path(match["path"]) if label is None else paths.get(label)


def _label(match: re.Match[str]) -> str | None:
    """The label of an image written with one; the alternative text in ![warning][]."""
    return None if match["label"] is None else _same(match["label"] or match["alternative"])


def _same(label: str) -> str:
    """What equal labels have in common: upper and lower case and white space do not matter."""
    return " ".join(label.casefold().split())


def _bare_path(written: str) -> str:
    """The path as CommonMark writes it: spaces around it go, and angle brackets may hold it."""
    path = written.strip()
    return path[1:-1] if path.startswith("<") and path.endswith(">") else path
