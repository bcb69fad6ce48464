"""A policy: a named, ordered list of text and image sections, on disk as Markdown with images by relative path."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from trimpi.errors import PolicyError
from trimpi.policies import markdown
from trimpi.policies.image_files import fault_of_file
from trimpi.types import ImagePart, Part

POLICY_FILE = "policy.md"


@dataclass(frozen=True)
class Policy:
    """A policy document. `sections` are text and images in reading order; texts are kept as written but for line ends.

    Neighbouring texts are joined, empty ones dropped and line ends are \\n, so that one document has one form and one
    hash however it was put together and on whichever system it was saved. Raises PolicyError when it says nothing: no
    text and no image.
    """

    name: str
    sections: tuple[Part, ...]

    def __post_init__(self) -> None:
        joined = join_texts(self.sections)
        sections = tuple(one_line_end(part) if isinstance(part, str) else part for part in joined)
        object.__setattr__(self, "sections", sections)
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
            if isinstance(section, ImagePart):
                kind, data = "image", section.path.read_bytes()
            else:
                kind, data = "text", section.encode()
            digest.update(f"\0{kind}:{len(data)}\0".encode() + data)
        return digest.hexdigest()


def load_policy(path: Path) -> Policy:
    """Read `policy.md`, or the folder that holds it; `policies/markdown.py` says how it is written.

    The name is the front matter's, else the first level-one heading, else the folder's name. Raises PolicyError for a
    missing or empty document, and for an image that is missing, unreadable, remote, or outside the policy's folder.
    """
    file = path / POLICY_FILE if path.is_dir() else path
    if not file.is_file():
        raise PolicyError(f"no policy at {file}: give a Markdown file, or a folder that holds {POLICY_FILE}")
    document = markdown.read(_read_text(file))
    sections = tuple(
        ImagePart(path=_policy_image(file, piece)) if isinstance(piece, markdown.Reference) else piece
        for piece in document.pieces
    )
    if not any(isinstance(section, ImagePart) or section.strip() for section in sections):
        raise PolicyError(f"policy {file} is empty: write at least one section")
    return Policy(name=document.name or file.resolve().parent.name, sections=sections)


def save_policy(policy: Policy, folder: Path) -> Path:
    """Write the policy as `folder/policy.md`, with its images beside it; `load_policy` gives the same content back."""
    folder.mkdir(parents=True, exist_ok=True)
    # Every image is read before any is written: the policy may have been loaded from this very folder.
    images = {f"image_{number}{_suffix(path)}": path.read_bytes() for number, path in enumerate(policy.images, start=1)}
    for name, data in images.items():
        (folder / name).write_bytes(data)
    names = iter(images)
    pieces = [
        markdown.Reference(path=next(names)) if isinstance(section, ImagePart) else section
        for section in policy.sections
    ]
    file = folder / POLICY_FILE
    file.write_bytes(markdown.write(policy.name, pieces).encode())
    return file


def join_texts(sections: Iterable[Part]) -> tuple[Part, ...]:
    """The same content in its one canonical form: neighbouring texts joined, empty ones dropped."""
    joined: list[Part] = []
    for section in sections:
        if joined and isinstance(section, str) and isinstance(joined[-1], str):
            joined[-1] += section
        elif section != "":
            joined.append(section)
    return tuple(joined)


def one_line_end(text: str) -> str:
    """The text with \\n for every line end, Windows' and old ones too."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_text(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise PolicyError(
            f"policy {file} is not UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8"
        ) from None
    except OSError as error:
        raise PolicyError(f"policy {file} cannot be read: {error.strerror}") from None


def _suffix(path: Path) -> str:
    """The file's suffix where it can stand in a reference, else none: images are recognised by their content."""
    return path.suffix if path.suffix[1:].isalnum() and path.suffix.isascii() else ""


def _policy_image(policy_file: Path, reference: markdown.Reference) -> Path:
    place = f"policy {policy_file}:{reference.line}"
    named = f"{place} names the image {reference.path!r}"
    remedy = "copy the image beside the policy and name it by a relative path"
    if not reference.path:
        raise PolicyError(f"{place} has an image without a path, ![](): name a file beside the policy")
    if markdown.is_remote(reference.path):
        raise PolicyError(f"{named}, which is not a file: {remedy}")
    folder = policy_file.resolve().parent
    try:
        # As the file is called, else as Markdown writes it: %20 is a space.
        written, decoded = ((folder / name).resolve() for name in (reference.path, unquote(reference.path)))
        path = written if written.is_file() else decoded
        exists = path.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # too long a name, a null byte, a circle of links
        raise PolicyError(f"{named}, which cannot be a file: {error}") from None
    if not path.is_relative_to(folder):
        raise PolicyError(f"{named}, which is outside its folder {folder}: {remedy}")
    if not exists:
        raise PolicyError(f"{named}, but {path} does not exist: {remedy}, or write \\ in front to keep it as text")
    fault = fault_of_file(path)
    if fault is not None:
        raise PolicyError(f"{named}, which {fault}")
    return path
