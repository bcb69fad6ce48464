"""Drawings: what is said of them is what they show, and they are the same every time."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from trimpi.tasks.gta import pictures
from trimpi.tasks.gta.pictures import Entry, Formula, Listing, ListingKind, draw, sample_formula, sample_listing

KINDS: tuple[ListingKind, ...] = ("receipt", "menu", "table", "chart")


def make_listing(kind: ListingKind = "receipt") -> Listing:
    boxes = ((8, 26, 120, 44), (8, 47, 120, 65), (8, 68, 120, 86))
    pairs = (("Tea", 4), ("Cake", 16), ("Egg", 7))
    return Listing(
        kind=kind,
        entries=tuple(
            Entry(label=label, amount=amount, box=box) for (label, amount), box in zip(pairs, boxes, strict=True)
        ),
    )


def test_a_listing_reads_as_its_entries() -> None:
    assert make_listing().text == "Receipt; Tea 4; Cake 16; Egg 7"
    assert make_listing("chart").text == "Sold; Tea 4; Cake 16; Egg 7"
    assert make_listing().description == "a receipt with 3 lines"
    assert make_listing().total == 27


@pytest.mark.parametrize(
    ("formula", "latex", "python", "solutions"),
    [
        (Formula(kind="sum", factor=3, offset=4, solution=5), "3x + 4 = 19", "3*x + 4, 19", (5,)),
        (Formula(kind="fraction", factor=3, offset=2, solution=12), r"\frac{x}{3} + 2 = 6", "x/3 + 2, 6", (12,)),
        (Formula(kind="square", factor=1, offset=1, solution=4), "x^2 + 1 = 17", "x**2 + 1, 17", (-4, 4)),
    ],
)
def test_a_formula_reads_and_solves_as_by_hand(
    formula: Formula, latex: str, python: str, solutions: tuple[int, ...]
) -> None:
    assert (formula.latex, formula.python, formula.solutions) == (latex, python, solutions)


@given(st.integers(0, 10_000))
def test_every_formula_holds_for_its_solutions(seed: int) -> None:
    formula = sample_formula(random.Random(seed))
    for x in formula.solutions:
        left = {"sum": formula.factor * x, "fraction": x / formula.factor, "square": x * x}[formula.kind]
        assert left + formula.offset == formula.total


@pytest.mark.parametrize("kind", KINDS)
def test_entries_differ_and_their_boxes_lie_apart_in_the_picture(kind: ListingKind) -> None:
    for seed in range(50):
        entries = sample_listing(kind, random.Random(seed)).entries
        assert len({entry.label for entry in entries}) == len({entry.amount for entry in entries}) == 3
        for entry in entries:
            x0, y0, x1, y1 = entry.box
            assert 0 <= x0 < x1 <= pictures.WIDTH
            assert 0 <= y0 < y1 <= pictures.HEIGHT
        boxes = sorted(entry.box for entry in entries)
        side = (0, 2) if kind == "chart" else (1, 3)
        assert all(a[side[1]] <= b[side[0]] for a, b in itertools.pairwise(boxes))


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_fit_the_base_model_and_show_ink_in_every_box(kind: ListingKind) -> None:
    listing = sample_listing(kind, random.Random(5))
    pixels = np.asarray(draw(listing)).astype(int)
    assert pixels.shape == (96, 128, 3)
    paper = pixels[0, 0]
    for entry in listing.entries:
        x0, y0, x1, y1 = entry.box
        assert (np.abs(pixels[y0:y1, x0:x1] - paper).sum(axis=2) > 60).sum() >= 20


def test_a_bar_fills_its_box_and_nothing_above_it() -> None:
    listing = sample_listing("chart", random.Random(2))
    pixels = np.asarray(draw(listing))
    for entry in listing.entries:
        x0, y0, x1, y1 = entry.box
        bar = pixels[y0:y1, x0:x1].reshape(-1, 3)
        assert len(np.unique(bar, axis=0)) == 1
        assert tuple(pixels[y0 - 1, x0]) != tuple(bar[0])


def test_other_amounts_and_formulas_are_other_pictures() -> None:
    listings = [sample_listing(kind, random.Random(seed)) for kind in KINDS for seed in range(3)]
    formulas = [
        Formula(kind=kind, factor=2, offset=1, solution=4)  # type: ignore[arg-type]
        for kind in ("sum", "fraction", "square")
    ]
    assert len({draw(drawing).tobytes() for drawing in [*listings, *formulas]}) == 15


def test_a_formulas_ink_keeps_off_the_border() -> None:
    """The widest there is: five times nine, plus nine."""
    for kind in ("sum", "fraction", "square"):
        pixels = np.asarray(draw(Formula(kind=kind, factor=5, offset=9, solution=9)))  # type: ignore[arg-type]
        inked = (pixels < 128).any(axis=2)
        assert inked.any()
        assert not inked[:2].any()
        assert not inked[-2:].any()
        assert not inked[:, :2].any()
        assert not inked[:, -2:].any()


def test_a_picture_on_disk_is_not_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pictures.save_drawing(make_listing(), tmp_path / "new" / "a.png")
    assert Image.open(path).size == (128, 96)

    def refuse(*_: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(pictures, "draw", refuse)
    assert pictures.save_drawing(make_listing(), path) == path
    assert [file.name for file in path.parent.iterdir()] == ["a.png"]
