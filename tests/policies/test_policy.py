"""The policy document: loading, the path rules, and the round trip through Markdown."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from quickness import answered_within
from trimpi.errors import PolicyError
from trimpi.policies import Policy, load_policy, save_policy
from trimpi.types import ImagePart


def write_image(path: Path, color: str = "red") -> Path:
    Image.new("RGB", (4, 3), color).save(path, format="PNG")
    return path


def write_policy_file(folder: Path, text: str) -> Path:
    file = folder / "policy.md"
    file.write_bytes(text.encode())
    return file


def test_sections_are_texts_and_images_in_reading_order(tmp_path: Path) -> None:
    image = write_image(tmp_path / "crop.png")
    write_policy_file(tmp_path, "# Refunds\nLook at ![a crop](crop.png) first.\n")
    policy = load_policy(tmp_path)
    assert policy.name == "Refunds"
    assert policy.sections == ("# Refunds\nLook at ", ImagePart(path=image.resolve()), " first.\n")
    assert policy.images == (image.resolve(),)
    assert policy.text == "# Refunds\nLook at [image] first.\n"


def test_file_and_its_folder_load_the_same_policy(tmp_path: Path) -> None:
    file = write_policy_file(tmp_path, "# A\nrule\n")
    assert load_policy(file) == load_policy(tmp_path)


def test_name_is_the_folders_without_a_heading(tmp_path: Path) -> None:
    folder = tmp_path / "returns"
    folder.mkdir()
    write_policy_file(folder, "No heading.\n## Section\n")
    assert load_policy(folder).name == "returns"


def test_front_matter_name_goes_before_the_heading(tmp_path: Path) -> None:
    write_policy_file(tmp_path, "---\nname: Returns\n---\n# General\nrule\n")
    policy = load_policy(tmp_path)
    assert (policy.name, policy.text) == ("Returns", "# General\nrule\n")


def test_heading_of_a_windows_file_has_no_carriage_return(tmp_path: Path) -> None:
    write_policy_file(tmp_path, "\ufeff# Refunds \r\nrule\r\n")
    policy = load_policy(tmp_path)
    assert (policy.name, policy.text) == ("Refunds", "# Refunds \nrule\n")


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_do_not_change_a_policy(tmp_path: Path, end: str) -> None:
    text = "# Refunds\nrule\n\n## Part\n![](a.png)\nend\n"
    write_image(tmp_path / "a.png")
    write_policy_file(tmp_path, text)
    policy = load_policy(tmp_path)
    write_policy_file(tmp_path, text.replace("\n", end))
    again = load_policy(tmp_path)
    assert (again.sections, again.content_hash) == (policy.sections, policy.content_hash)


def test_a_policys_hash_stays_what_it_was(tmp_path: Path) -> None:
    text = b"# Refunds\n\nSee [x] and \\![a](b.png).\n"
    (tmp_path / "policy.md").write_bytes(text)
    kept = text.replace(b"\\", b"")
    before = hashlib.sha256(b"Refunds" + f"\0text:{len(kept)}\0".encode() + kept).hexdigest()
    assert load_policy(tmp_path).content_hash == before


@pytest.mark.parametrize(
    "reference", ["![](my crop.png)", "![]( my crop.png )", "![x](<my crop.png>)", '![a\nb](my crop.png "a (title)")']
)
def test_paths_are_read_as_markdown_writes_them(tmp_path: Path, reference: str) -> None:
    image = write_image(tmp_path / "my crop.png")
    write_policy_file(tmp_path, f"# A\n{reference}")
    assert load_policy(tmp_path).images == (image.resolve(),)


@pytest.mark.parametrize(
    "written",
    [
        '<img src="my crop.png">',
        "<IMG alt='a'\n  SRC = 'my%20crop.png' width=40 />",
        "<img width=3 src=my%20crop.png>",
        "![a crop][One  crop]\n\n[one CROP]: <my crop.png> (title)",
        "![c][]\n[c]: my%20crop.png",
        "![](my%20crop.png)",
    ],
)
def test_images_may_be_written_as_exports_write_them(tmp_path: Path, written: str) -> None:
    image = write_image(tmp_path / "my crop.png")
    write_policy_file(tmp_path, f"# A\nSee {written}\nend")
    policy = load_policy(tmp_path)
    assert policy.images == (image.resolve(),)
    assert "crop" not in policy.text and policy.text.startswith("# A\nSee ")


def test_a_file_is_first_looked_for_as_it_is_called(tmp_path: Path) -> None:
    image = write_image(tmp_path / "a%20b.png")
    write_image(tmp_path / "a b.png")
    write_policy_file(tmp_path, "![](a%20b.png)")
    assert load_policy(tmp_path).images == (image.resolve(),)


def test_a_label_that_no_image_uses_is_text(tmp_path: Path) -> None:
    text = "# A\n![x][gone] and [a link][b]\n\n[b]: crop.png\n"
    write_policy_file(tmp_path, text)
    assert load_policy(tmp_path).text == text


def test_path_may_hold_parentheses(tmp_path: Path) -> None:
    image = write_image(tmp_path / "crop (1).png")
    write_policy_file(tmp_path, "![](crop (1).png)")
    assert load_policy(tmp_path).images == (image.resolve(),)


def test_backslash_makes_a_reference_text(tmp_path: Path) -> None:
    write_policy_file(tmp_path, r"# A" + "\n" + r"write \![x](y.png)")
    assert load_policy(tmp_path).sections == ("# A\nwrite ![x](y.png)",)


def test_neighbouring_texts_are_one_section_with_one_hash() -> None:
    assert Policy("A", ("one ", "", "two")) == Policy("A", ("one two",))
    assert Policy("A", ("one ", "two")).content_hash == Policy("A", ("one two",)).content_hash


def test_hash_depends_on_name_text_order_and_image_content_but_not_on_place(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    red, blue = write_image(tmp_path / "red.png"), write_image(tmp_path / "blue.png", "blue")
    red_too = write_image(tmp_path / "elsewhere" / "other.png")

    def hash_of(name: str, *sections: str | Path) -> str:
        return Policy(name, tuple(ImagePart(path=s) if isinstance(s, Path) else s for s in sections)).content_hash

    base = hash_of("A", "text", red)
    assert base == hash_of("A", "text", red_too)
    other_name, other_text = hash_of("B", "text", red), hash_of("A", "Text", red)
    other_order, other_image = hash_of("A", red, "text"), hash_of("A", "text", blue)
    assert len({base, other_name, other_text, other_order, other_image}) == 5


def test_missing_document_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"no policy at .*policy\.md: give a Markdown file"):
        load_policy(tmp_path)


@pytest.mark.parametrize("text", ["", " \n\t\r\n", "\ufeff", "---\nname: A\n---\n\n"])
def test_empty_policy_is_refused(tmp_path: Path, text: str) -> None:
    file = write_policy_file(tmp_path, text)
    with pytest.raises(PolicyError, match="is empty") as error:
        load_policy(tmp_path)
    assert str(file) in str(error.value)


def test_policy_without_sections_is_refused() -> None:
    with pytest.raises(PolicyError, match="'A' is empty"):
        Policy("A", (" ", "\n"))


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policy.md").write_bytes(b"# A\nna\xefve\n")
    with pytest.raises(PolicyError, match=r"is not UTF-8 \(.* at byte 6\)"):
        load_policy(tmp_path)


@pytest.mark.parametrize(
    "reference", ["http://example.org/a.png", "https://x/y", "data:image/png;base64,AAAA", "file:///a.png"]
)
def test_remote_image_is_refused(tmp_path: Path, reference: str) -> None:
    write_policy_file(tmp_path, f"# A\n![]({reference})")
    with pytest.raises(PolicyError, match="is not a file: copy the image beside the policy"):
        load_policy(tmp_path)


@pytest.mark.parametrize("written", ["![]({})", '<img src="{}">', "![x][y]\n\n[y]: {}"])
@pytest.mark.parametrize("reference", ["../secret.png", "images/../../secret.png", "%2e%2e/secret.png", "{absolute}"])
def test_image_outside_the_folder_is_refused(tmp_path: Path, reference: str, written: str) -> None:
    secret = write_image(tmp_path / "secret.png")
    folder = tmp_path / "policy"
    folder.mkdir()
    write_policy_file(folder, "# A\n" + written.format(reference.format(absolute=secret)))
    with pytest.raises(PolicyError, match="outside its folder"):
        load_policy(folder)


def test_link_that_leads_outside_the_folder_is_refused(tmp_path: Path) -> None:
    secret = write_image(tmp_path / "secret.png")
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "innocent.png").symlink_to(secret)
    write_policy_file(folder, "# A\n![](innocent.png)")
    with pytest.raises(PolicyError, match=r"'innocent\.png', which is outside its folder"):
        load_policy(folder)


@pytest.mark.parametrize("reference", ["gone.png", "sub/gone.png", "."])
def test_missing_image_is_named(tmp_path: Path, reference: str) -> None:
    write_policy_file(tmp_path, f"# A\n![]({reference})")
    with pytest.raises(PolicyError, match="does not exist") as error:
        load_policy(tmp_path)
    assert repr(reference) in str(error.value)


def test_image_without_a_path_is_refused(tmp_path: Path) -> None:
    write_policy_file(tmp_path, "# A\n![alt]()")
    with pytest.raises(PolicyError, match="an image without a path"):
        load_policy(tmp_path)


def test_a_wrong_image_is_named_by_line(tmp_path: Path) -> None:
    file = write_policy_file(tmp_path, '---\nname: A\n---\nOne\n\ntwo <img src="gone.png">')
    with pytest.raises(PolicyError) as caught:
        load_policy(tmp_path)
    assert f"{file}:6 names the image 'gone.png'" in str(caught.value)


def test_an_image_too_long_for_its_width_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (1, 4000)).save(tmp_path / "strip.png")
    write_policy_file(tmp_path, "# A\n![](strip.png)")
    with pytest.raises(PolicyError, match=r"policy.md:2 names the image 'strip.png', which is 1 x 4000 pixels"):
        load_policy(tmp_path)


@pytest.mark.parametrize("reference", ["a\0b.png", "a" * 300 + ".png"])
def test_impossible_file_name_is_one_clear_error(tmp_path: Path, reference: str) -> None:
    write_policy_file(tmp_path, f"# A\n![]({reference})")
    with pytest.raises(PolicyError, match="names the image"):
        load_policy(tmp_path)


def test_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "crop.png").write_text("not an image")
    write_policy_file(tmp_path, "# A\n![](crop.png)")
    with pytest.raises(PolicyError, match=r"'crop\.png', which cannot be read as an image"):
        load_policy(tmp_path)


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_truncated_image_is_refused(tmp_path: Path, format: str) -> None:
    image = tmp_path / "crop.png"
    Image.effect_noise((64, 64), 50).save(image, format=format)
    image.write_bytes(image.read_bytes()[:-400])
    write_policy_file(tmp_path, "# A\n![](crop.png)")
    with pytest.raises(PolicyError, match="cannot be read as an image"):
        load_policy(tmp_path)


def test_saving_into_the_folder_it_was_loaded_from_keeps_the_images_apart(tmp_path: Path) -> None:
    write_image(tmp_path / "image_1.png", "red")
    write_image(tmp_path / "image_2.png", "blue")
    write_policy_file(tmp_path, "# A\n![](image_2.png)![](image_1.png)")
    before = load_policy(tmp_path).content_hash
    save_policy(load_policy(tmp_path), tmp_path)
    assert load_policy(tmp_path).content_hash == before


def test_saved_document_is_plain_markdown_when_its_heading_says_the_name(tmp_path: Path) -> None:
    image = write_image(tmp_path / "crop.png")
    policy = Policy("L3-Surinu", ("# L3-Surinu\n", ImagePart(path=image), "\nend"))
    assert save_policy(policy, tmp_path / "out").read_text() == "# L3-Surinu\n![](image_1.png)\nend"


HOSTILE = ("![", "\\", "![](", "![]((", '![](a"', "![]( ", "# ", "#" + " " * 50_000 + "\n", "---\nname: ")
HOSTILE_EXPORTS = ("<img ", '<img src="', " src", "![x][", "![x][y]", "[x]: ", "[x]: y\n", "\n   [")


def test_hostile_markdown_loads_in_linear_time(tmp_path: Path) -> None:
    for hostile in (*HOSTILE, *HOSTILE_EXPORTS):
        write_policy_file(tmp_path, "x" + hostile * (100_000 // len(hostile)))
        answered_within(0.2, lambda: load_policy(tmp_path))


MARKUP = ["![x](y)", "![x][y]", "[y]: z\n", "<img src=y>", "<img ", ">", "![](", "](", "image_1.png", "# ", "---\n"]
MARKUP += ["name: ", "\r\n", *'\\![]()"\r\ufeffA']
TEXTS = st.lists(st.sampled_from(MARKUP) | st.text(max_size=5), max_size=8).map("".join)
IMAGE_SECTION = object()


@settings(deadline=None, max_examples=150, derandomize=True)
@given(name=TEXTS.filter(bool), sections=st.lists(TEXTS | st.just(IMAGE_SECTION), max_size=6))
def test_loading_a_saved_policy_gives_the_same_content(name: str, sections: list[object]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        image = write_image(Path(temporary) / "source.p(n")
        policy = Policy(name, ("start", *(ImagePart(path=image) if s is IMAGE_SECTION else s for s in sections)))  # type: ignore[arg-type]
        loaded = load_policy(save_policy(policy, Path(temporary) / "saved"))
        assert loaded.name == policy.name
        assert loaded.text == policy.text
        assert loaded.content_hash == policy.content_hash
