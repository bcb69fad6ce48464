"""What is doubtful in a user's folder, each with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trimpi.policies import markdown
from trimpi.policies.conditions import contradictions, read_rules
from trimpi.tasks.custom.folder import PolicyFile
from trimpi.tasks.findings import Finding

LEADS_TO = re.compile(r"\b(?i:go to|see|continue at|continue with|apply)\s+(?P<named>[A-Z][\w-]*\s+\d(?:[\w.]*\w)?)")
"""A section named in running text, such as "go to Condition 1.2"."""


def policy_findings(read: PolicyFile) -> Iterator[Finding]:
    """Images that are not read, headings twice, references to sections that are not there, contradicting rules."""
    document = read.file.read_text(encoding="utf-8")
    for line in markdown.read(document).unread:
        yield Finding(
            place=f"{read.file}:{line}",
            message="what looks like an image is text to the model: write ![](path), the file beside the policy",
        )
    first: dict[str, int] = {}
    for section in read.sections:
        name = section.id.casefold()
        if name in first:
            yield Finding(
                place=f"{read.file}:{section.line}",
                message=f"the section {section.id!r} is there twice, before in line {first[name]}: citations of it are "
                "ambiguous",
            )
        first.setdefault(name, section.line)
    kinds = {id.split()[0] for id in read.citations.ids if id.split()}
    for match in LEADS_TO.finditer(document):
        if match["named"].split()[0] in kinds and read.citations.id_of(match["named"]) is None:
            line = document.count("\n", 0, match.start()) + 1
            yield Finding(
                place=f"{read.file}:{line}", message=f"it leads to {match['named']!r}, which the policy does not have"
            )
    for found in contradictions(list(read_rules(document))):
        yield Finding(
            place=f"{read.file}:{found.second.line}",
            message=f"{found.second.text!r} contradicts {found.first.text!r} in line {found.first.line}: both hold for "
            f"{found.case}",
        )
