"""A task's folder: its policies by name, and where their sections stand."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from trimpi.errors import DataError, PolicyError
from trimpi.policies import Policy, load_policy
from trimpi.policies.outline import Citations, OutlineSection, outline
from trimpi.policies.policy import POLICY_FILE

POLICIES = "policies"


@dataclass(frozen=True, kw_only=True)
class PolicyFile:
    """A policy with the file it was read from, and its sections."""

    file: Path
    policy: Policy
    sections: tuple[OutlineSection, ...]
    citations: Citations


def read_policies(folder: Path) -> dict[str, PolicyFile]:
    """The policies of a folder by name: policy.md, or policies/NAME.md and policies/NAME/policy.md.

    Raises PolicyError when there is none or a name is there twice, and what `load_policy` raises.
    """
    if not folder.is_dir():
        raise PolicyError(f"no folder at {folder}: task.path names the one that holds {POLICY_FILE}")
    files = [file for file in (folder / POLICY_FILE,) if file.is_file()]
    files += sorted([*folder.glob(f"{POLICIES}/*.md"), *folder.glob(f"{POLICIES}/*/{POLICY_FILE}")])
    read: dict[str, PolicyFile] = {}
    for file in files:
        policy = load_policy(file)
        if policy.name in read:
            raise PolicyError(
                f"{file} and {read[policy.name].file} are both named {policy.name!r}: give each its own first heading"
            )
        sections = outline(policy, file.read_text(encoding="utf-8"))
        read[policy.name] = PolicyFile(file=file, policy=policy, sections=sections, citations=Citations(sections))
    if not read:
        raise PolicyError(f"no policy in {folder}: write {POLICY_FILE}, or several into {POLICIES}/")
    return read


def policy_named(policies: dict[str, PolicyFile], named: str | None) -> PolicyFile:
    """The policy of a row: by name, by its file's or folder's name, or the only one. Raises DataError."""
    if named is None:
        if len(policies) == 1:
            return next(iter(policies.values()))
        raise DataError(f"policy is missing: name one of {', '.join(policies)}")
    by_file = {_file_name(read.file): read for read in policies.values()}
    found = policies.get(named) or by_file.get(named)
    if found is None:
        near = get_close_matches(named, [*policies, *by_file], n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise DataError(f"policy is {named!r}; {hint}allowed are {', '.join(policies)}")
    return found


def _file_name(file: Path) -> str:
    return file.parent.name if file.name == POLICY_FILE else file.stem
