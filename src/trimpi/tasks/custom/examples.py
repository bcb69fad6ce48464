"""Rows as examples under the policies of their folder."""

from __future__ import annotations

from difflib import get_close_matches

from trimpi.errors import DataError
from trimpi.tasks.custom.folder import PolicyFile, policy_named
from trimpi.tasks.custom.row_reader import Row, request_parts
from trimpi.types import Example


def example_of(row: Row, policies: dict[str, PolicyFile]) -> Example:
    """Raises DataError, which begins with the row's place, for a policy or a section that is not there."""
    try:
        read = policy_named(policies, row.policy)
        sections = _sections(row, read)
    except DataError as error:
        raise DataError(f"{row.place}: {error}") from None
    before, prompt, images = request_parts(row)
    return Example(
        id=row.id,
        policy_name=read.policy.name,
        prompt=prompt,
        images=images,
        answer=row.answer,
        cot=row.cot,
        meta={"sections": sections, "place": row.place},
        before=before,
    )


def _sections(row: Row, read: PolicyFile) -> tuple[str, ...]:
    """The ids that a row names, else those that its reasoning cites."""
    if row.sections is None:
        return tuple(read.citations.within(row.cot or ""))
    found = [read.citations.id_of(name) for name in row.sections]
    for name, id in zip(row.sections, found, strict=True):
        if id is None:
            near = get_close_matches(name, list(read.citations.ids), n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise DataError(
                f"sections names {name!r}; {hint}{read.file} has {', '.join(read.citations.ids) or 'no headings'}"
            )
    return tuple(id for id in found if id is not None)
