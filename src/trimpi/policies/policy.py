"""A policy: a named, ordered list of text and image sections, on disk as Markdown with images by relative path."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from trimpi.errors import PolicyError
from trimpi.types import ImagePart, Part

IMAGE_REFERENCE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<path>[^)\s]+)\)")
TITLE = re.compile(r"^#[ \t]+(?P<title>.+?)[ \t]*$", re.MULTILINE)
POLICY_FILE = "policy.md"


@dataclass(frozen=True)
class Policy:
    """A policy document. `sections` are text and images in reading order; texts are kept exactly as written.

    Raises PolicyError when it says nothing: no text and no image.
    """

    name: str
    sections: tuple[Part, ...]

    def __post_init__(self) -> None:
        if not any(isinstance(section, ImagePart) or section.strip() for section in self.sections):
            raise PolicyError(f"policy {self.name!r} is empty: it needs at least one section of text or an image")

    @property
    def images(self) -> tuple[Path, ...]:
        return tuple(section.path for section in self.sections if isinstance(section, ImagePart))

    @property
    def text(self) -> str:
        """All text, with each image as its place in the reading order, for people and for logs."""
        return "".join("[image]" if isinstance(section, ImagePart) else section for section in self.sections)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over the sections' texts and the images' bytes, in order; independent of where the files lie."""
        digest = hashlib.sha256(self.name.encode())
        for section in self.sections:
            kind, data = ("image", section.path.read_bytes()) if isinstance(section, ImagePart) else ("text", section.encode())
            digest.update(f"\0{kind}:{len(data)}\0".encode() + data)
        return digest.hexdigest()


def load_policy(path: Path) -> Policy:
    """Read `policy.md`, or the folder that holds it.

    The name is the first level-one heading, else the folder's name. Raises PolicyError for a missing or empty document,
    and for an image that is missing, unreadable, remote, or outside the policy's folder.
    """
    file = path / POLICY_FILE if path.is_dir() else path
    if not file.is_file():
        raise PolicyError(f"no policy at {file}: give a Markdown file, or a folder that holds {POLICY_FILE}")
    try:
        markdown = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PolicyError(f"policy {file} is not UTF-8 text ({error.reason} at byte {error.start}): save it as UTF-8") from None
    title = TITLE.search(markdown)
    sections: list[Part] = []
    position = 0
    for match in IMAGE_REFERENCE.finditer(markdown):
        sections += [markdown[position : match.start()], ImagePart(path=_policy_image(file, match["path"]))]
        position = match.end()
    sections.append(markdown[position:])
    kept = tuple(section for section in sections if section != "")
    if not any(isinstance(section, ImagePart) or section.strip() for section in kept):
        raise PolicyError(f"policy {file} is empty: write at least one section")
    return Policy(name=title["title"] if title else file.resolve().parent.name, sections=kept)


def save_policy(policy: Policy, folder: Path) -> Path:
    """Write the policy as `folder/policy.md` with its images copied beside it; `load_policy` gives the same content back."""
    folder.mkdir(parents=True, exist_ok=True)
    markdown: list[str] = []
    for section in policy.sections:
        if isinstance(section, ImagePart):
            name = f"image_{sum(piece.startswith('![') for piece in markdown) + 1}{section.path.suffix}"
            if section.path.resolve() != (folder / name).resolve():
                shutil.copyfile(section.path, folder / name)
            markdown.append(f"![]({name})")
        else:
            markdown.append(section)
    file = folder / POLICY_FILE
    file.write_text("".join(markdown), encoding="utf-8")
    return file


def _policy_image(policy_file: Path, reference: str) -> Path:
    folder = policy_file.resolve().parent
    path = (folder / reference).resolve()
    if "://" in reference or not path.is_relative_to(folder):
        raise PolicyError(
            f"policy {policy_file} names the image {reference!r}, which is outside its folder {folder}: "
            "copy the image beside the policy and name it by a relative path"
        )
    if not path.is_file():
        raise PolicyError(f"policy {policy_file} names the image {reference!r}, but {path} does not exist")
    try:
        with Image.open(path) as image:
            image.verify()
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise PolicyError(f"policy {policy_file} names the image {reference!r}, which cannot be read: {error}") from None
    return path
