"""A task's data as files: policies as Markdown folders, one JSON line per example."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from trimpi.policies import Policy, save_policy
from trimpi.tasks.base import Task
from trimpi.tasks.custom.row_writer import example_row, write_rows
from trimpi.types import Split

SPLITS: tuple[Split, ...] = ("train", "test")


def write_data(task: Task, folder: Path) -> None:
    """Write `policies/NAME/policy.md`, `train.jsonl` and `test.jsonl` into `folder`; images go by absolute path."""
    write_policies(task.policies.values(), folder)
    for split in SPLITS:
        write_rows(map(example_row, task.examples(split)), folder / f"{split}.jsonl")


def write_policies(policies: Iterable[Policy], folder: Path) -> None:
    """Write `policies/NAME/policy.md` for each, with its images beside it."""
    used: set[str] = set()
    for policy in policies:
        name = _folder_name(policy.name, used)
        used.add(name)
        save_policy(policy, folder / "policies" / name)


def fingerprint(task: Task) -> str:
    """SHA-256 over policies and examples, independent of where images lie: the same data give the same numbers."""
    digest = hashlib.sha256()
    for policy in task.policies.values():
        digest.update(f"{policy.name} {policy.content_hash}\n".encode())
    for split in SPLITS:
        for example in task.examples(split):
            row = {**example_row(example), "split": split, "images": [image.name for image in example.all_images]}
            row.pop("sections", None)  # they decide no number
            digest.update(f"{json.dumps(row, sort_keys=True)}\n".encode())
    return digest.hexdigest()


def _folder_name(policy_name: str, used: set[str]) -> str:
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", policy_name).strip(".-") or "policy"
    name, number = plain, 1
    while name in used:
        number += 1
        name = f"{plain}-{number}"
    return name
