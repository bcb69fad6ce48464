from __future__ import annotations

from pathlib import Path

import tiny_models
from trimpi.policies import load_policy
from trimpi.policies.outline import Citations, outline
from trimpi.tasks.custom.folder import PolicyFile
from trimpi.update.difference import compare_policies

OLD = "# Desk\nRead the label.\n\n## Red\n![](label.png) Say left.\n\n## Blue\nSay right.\n"


def read(folder: Path, text: str, *, color: str = "red") -> PolicyFile:
    folder.mkdir()
    tiny_models.write_image(folder / "label.png", color=color)
    (folder / "policy.md").write_text(text)
    policy = load_policy(folder)
    sections = outline(policy, text)
    return PolicyFile(file=folder / "policy.md", policy=policy, sections=sections, citations=Citations(sections))


def changes(tmp_path: Path, new: str, *, color: str = "red") -> list[tuple[str, str, list[str]]]:
    difference = compare_policies(read(tmp_path / "old", OLD), read(tmp_path / "new", new, color=color))
    assert not difference.opening and not difference.reordered
    assert difference.touched == {change.section for change in difference.sections}
    return [(change.kind, change.section, change.lines()) for change in difference.sections]


def test_a_changed_line_is_its_sections(tmp_path: Path) -> None:
    new = OLD.replace("Say right.", "Say up.")
    assert changes(tmp_path, new) == [("changed", "Blue", ["-Say right.", "+Say up."])]


def test_sections_come_and_go(tmp_path: Path) -> None:
    new = OLD.replace("## Blue\nSay right.\n", "## Green\nSay down.\n")
    assert changes(tmp_path, new) == [
        ("removed", "Blue", ["-## Blue", "-Say right."]),
        ("added", "Green", ["+## Green", "+Say down."]),
    ]


def test_another_picture_is_another_section(tmp_path: Path) -> None:
    [(kind, section, lines)] = changes(tmp_path, OLD, color="green")
    assert (kind, section) == ("changed", "Red")
    assert [line[:8] for line in lines] == ["-[image ", "+[image "] and lines[0] != lines[1][1:]


def test_space_at_the_end_says_nothing(tmp_path: Path) -> None:
    new = OLD.replace("Say right.\n", "Say right.  \n\n\n")
    assert compare_policies(read(tmp_path / "old", OLD), read(tmp_path / "new", new)).is_none


def test_an_opening_and_an_order_belong_to_no_section(tmp_path: Path) -> None:
    new = "# Desk\nLook at the label.\n\n## Blue\nSay right.\n\n## Red\n![](label.png) Say left.\n"
    difference = compare_policies(read(tmp_path / "old", OLD), read(tmp_path / "new", new))
    assert difference.opening and difference.reordered and not difference.sections


def test_a_section_without_its_number_is_another(tmp_path: Path) -> None:
    """Two sections of one id are taken together."""
    doubled = OLD + "\n## Blue\nSay right, too.\n"
    assert changes(tmp_path, doubled) == [("changed", "Blue", ["+## Blue", "+Say right, too."])]


def test_lines_that_begin_like_the_heads_of_a_difference_are_shown(tmp_path: Path) -> None:
    new = OLD.replace("Say right.", "---\n++ up")
    assert changes(tmp_path, new) == [("changed", "Blue", ["-Say right.", "+---", "+++ up"])]
