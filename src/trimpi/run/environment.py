"""What a run's numbers may depend on besides its recipe."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import trimpi

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "numpy", "pillow")


def describe_environment() -> dict[str, Any]:
    """Versions, platform, and the git revision of the source where it is a checkout."""
    return {
        "trimpi": trimpi.__version__,
        "git": _git_revision(Path(trimpi.__file__).resolve()),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def _git_revision(source: Path) -> dict[str, Any] | None:
    """None unless the source file is tracked: an installed package may lie inside somebody else's checkout."""
    if _git(source.parent, "ls-files", "--error-unmatch", source.name) is None:
        return None
    changes = _git(source.parent, "status", "--porcelain")
    return {"revision": _git(source.parent, "rev-parse", "HEAD"), "changed": bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        command = ["git", "-C", str(folder), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
