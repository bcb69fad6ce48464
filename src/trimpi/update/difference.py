"""Two versions of a policy, compared section by section."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from itertools import islice
from typing import Literal

from trimpi.digest import file_digest
from trimpi.policies.outline import OutlineSection
from trimpi.policies.passages import Passage, split_policy
from trimpi.tasks.custom.folder import PolicyFile
from trimpi.types import ImagePart

ChangeKind = Literal["changed", "added", "removed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionChange:
    """A section that is not what it was. `before` and `after` are its text, an image by its content, or empty."""

    kind: ChangeKind
    section: str
    before: str
    after: str

    def lines(self) -> list[str]:
        """The lines that went, with "-", and those that came, with "+"."""
        diff = unified_diff(self.before.splitlines(), self.after.splitlines(), lineterm="", n=0)
        # The first two lines name the files; without context, all that are neither - nor + say where.
        return [line for line in islice(diff, 2, None) if line[0] in "-+"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDifference:
    """`opening` says that what stands before the first section is another text, `reordered` that sections moved."""

    sections: tuple[SectionChange, ...]
    opening: bool
    reordered: bool

    @property
    def is_none(self) -> bool:
        return not (self.sections or self.opening or self.reordered)

    @property
    def touched(self) -> frozenset[str]:
        """The ids of the sections that changed, came or went."""
        return frozenset(change.section for change in self.sections)


def compare_policies(old: PolicyFile, new: PolicyFile) -> PolicyDifference:
    """Sections are the same by their id. White space at the end of lines and of sections says nothing."""
    before, after = _by_id(old.sections), _by_id(new.sections)
    changes = [
        SectionChange(
            kind="added" if id not in before else "removed" if id not in after else "changed",
            section=id,
            before=before.get(id, ""),
            after=after.get(id, ""),
        )
        for id in dict.fromkeys([*before, *after])
        if before.get(id) != after.get(id)
    ]
    kept = [id for id in before if id in after]
    return PolicyDifference(
        sections=tuple(changes),
        opening=_shown(split_policy(old.policy)[0]) != _shown(split_policy(new.policy)[0]),
        reordered=kept != [id for id in after if id in before],
    )


def _by_id(sections: Iterable[OutlineSection]) -> dict[str, str]:
    """Sections of one id are taken together."""
    texts: dict[str, str] = {}
    for section in sections:
        shown = _shown(section.passage)
        texts[section.id] = f"{texts[section.id]}\n{shown}" if section.id in texts else shown
    return texts


def _shown(passage: Passage) -> str:
    text = "".join(_image(part) if isinstance(part, ImagePart) else part for part in passage)
    return "\n".join(_without_space(text.splitlines()))


def _without_space(lines: Sequence[str]) -> list[str]:
    stripped = [line.rstrip() for line in lines]
    while stripped and not stripped[-1]:
        stripped.pop()
    return stripped


def _image(part: ImagePart) -> str:
    return f"[image {file_digest(part.path)[:8]}]"
