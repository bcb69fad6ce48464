"""Pictures drawn here, with their ground truth: receipts, menus, tables, charts and formulas at 128x96 pixels."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from trimpi.tasks.picture_files import save_picture

WIDTH, HEIGHT = 128, 96
"""The size of the rendered scenes: the base model sees every pixel."""
FORMAT = 1
"""Part of the cache key: changes whenever the pictures do."""
LABELS = ("Tea", "Cake", "Soup", "Rice", "Egg", "Fish", "Bread", "Milk", "Nuts", "Salad")
MOST_AMOUNT = 20

Box = tuple[int, int, int, int]
ListingKind = Literal["receipt", "menu", "table", "chart"]
FormulaKind = Literal["sum", "fraction", "square"]
TITLES: dict[ListingKind, str] = {"receipt": "Receipt", "menu": "Menu", "table": "Sold", "chart": "Sold"}
DESCRIPTIONS: dict[ListingKind, str] = {
    "receipt": "a receipt with {} lines",
    "menu": "a menu with {} dishes",
    "table": "a table with {} rows",
    "chart": "a chart with {} bars",
}

_PAPER = {"receipt": "#ffffff", "menu": "#fff3d6", "table": "#eef4ff", "chart": "#f4f4f4"}
_INK, _PALE = "#202020", "#9a9a9a"
_BARS = ("#ad2323", "#2a4bd7", "#1d6914")
_TOP, _ROW, _MARGIN = 26, 21, 8
_BASELINE, _CHART_TOP, _BAR = 80, 26, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A label with its amount, and the box (x0, y0, x1, y1) in pixels of its row, or of its bar."""

    label: str
    amount: int
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A receipt, menu, table or chart of three entries, top to bottom or left to right."""

    kind: ListingKind
    entries: tuple[Entry, ...]

    @property
    def text(self) -> str:
        """What can be read: title, then each entry."""
        return "; ".join([TITLES[self.kind], *(f"{entry.label} {entry.amount}" for entry in self.entries)])

    @property
    def description(self) -> str:
        return DESCRIPTIONS[self.kind].format(len(self.entries))

    @property
    def total(self) -> int:
        return sum(entry.amount for entry in self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """An equation in x with whole solutions. sum: factor x + offset = total; fraction: x / factor + offset = total;
    square: x^2 + offset = total.
    """

    kind: FormulaKind
    factor: int
    offset: int
    solution: int

    @property
    def total(self) -> int:
        x = self.solution
        return {"sum": self.factor * x, "fraction": x // self.factor, "square": x * x}[self.kind] + self.offset

    @property
    def latex(self) -> str:
        unknown = {"sum": f"{self.factor}x", "fraction": f"\\frac{{x}}{{{self.factor}}}", "square": "x^2"}[self.kind]
        return f"{unknown} + {self.offset} = {self.total}"

    @property
    def python(self) -> str:
        """Both sides for sympy: "3*x + 4, 19"."""
        unknown = {"sum": f"{self.factor}*x", "fraction": f"x/{self.factor}", "square": "x**2"}[self.kind]
        return f"{unknown} + {self.offset}, {self.total}"

    @property
    def solutions(self) -> tuple[int, ...]:
        """In ascending order."""
        return (-self.solution, self.solution) if self.kind == "square" else (self.solution,)


Drawing = Listing | Formula


def sample_listing(kind: ListingKind, rng: random.Random) -> Listing:
    """Three different labels with different amounts of 1 to MOST_AMOUNT."""
    labels, amounts = rng.sample(LABELS, 3), rng.sample(range(1, MOST_AMOUNT + 1), 3)
    entries = [
        Entry(label=label, amount=amount, box=_bar_box(place, amount) if kind == "chart" else _row_box(place))
        for place, (label, amount) in enumerate(zip(labels, amounts, strict=True))
    ]
    return Listing(kind=kind, entries=tuple(entries))


def sample_formula(rng: random.Random) -> Formula:
    kind: FormulaKind = rng.choice(("sum", "fraction", "square"))
    factor = rng.randint(2, 5)
    solution = factor * rng.randint(1, 5) if kind == "fraction" else rng.randint(2, 9)
    return Formula(kind=kind, factor=1 if kind == "square" else factor, offset=rng.randint(1, 9), solution=solution)


def save_drawing(drawing: Drawing, path: Path) -> Path:
    """The drawing as a PNG of WIDTH x HEIGHT pixels; one that is on disk is not drawn again."""
    if not path.exists():
        save_picture(draw(drawing), path)
    return path


def draw(drawing: Drawing) -> Image.Image:
    """The picture, RGB."""
    if isinstance(drawing, Formula):
        return _draw_formula(drawing)
    return _draw_chart(drawing) if drawing.kind == "chart" else _draw_rows(drawing)


def _row_box(place: int) -> Box:
    top = _TOP + place * _ROW
    return _MARGIN, top, WIDTH - _MARGIN, top + _ROW - 3


def _bar_box(place: int, amount: int) -> Box:
    left = 14 + place * 38
    height = round((_BASELINE - _CHART_TOP) * amount / MOST_AMOUNT)
    return left, _BASELINE - height, left + _BAR, _BASELINE


def _draw_rows(listing: Listing) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), _PAPER[listing.kind])
    pen = ImageDraw.Draw(image)
    pen.text((WIDTH / 2, 13), TITLES[listing.kind], fill=_INK, font=_font(14), anchor="mm")
    for entry in listing.entries:
        left, top, right, bottom = entry.box
        middle = (top + bottom) / 2
        pen.text((left + 4, middle), entry.label, fill=_INK, font=_font(13), anchor="lm")
        pen.text((right - 4, middle), str(entry.amount), fill=_INK, font=_font(13), anchor="rm")
        if listing.kind == "table":
            pen.rectangle((left, top, right - 1, bottom - 1), outline=_PALE)
            pen.line((right - 28, top, right - 28, bottom - 1), fill=_PALE)
        elif listing.kind == "receipt":
            pen.line((left, bottom, right, bottom), fill=_PALE)
    return image


def _draw_chart(listing: Listing) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), _PAPER[listing.kind])
    pen = ImageDraw.Draw(image)
    pen.text((WIDTH / 2, 7), TITLES[listing.kind], fill=_INK, font=_font(11), anchor="mm")
    for entry, color in zip(listing.entries, _BARS, strict=True):
        left, top, right, bottom = entry.box
        centre = (left + right) / 2
        pen.rectangle((left, top, right - 1, bottom - 1), fill=color)
        pen.text((centre, top - 1), str(entry.amount), fill=_INK, font=_font(10), anchor="mb")
        pen.text((centre, HEIGHT - 7), entry.label, fill=_INK, font=_font(11), anchor="mm")
    pen.line((_MARGIN, _BASELINE, WIDTH - _MARGIN, _BASELINE), fill=_INK)
    return image


def _draw_formula(formula: Formula) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), "#ffffff")
    pen, font, middle = ImageDraw.Draw(image), _font(18), HEIGHT / 2
    rest = f"+ {formula.offset} = {formula.total}"
    head = f"{formula.factor}x" if formula.kind == "sum" else "x"
    width = pen.textlength(head, font=font)
    left = (WIDTH - width - pen.textlength(rest, font=font) - 12) / 2
    if formula.kind == "fraction":
        pen.text((left + width / 2, middle - 3), head, fill=_INK, font=font, anchor="mb")
        pen.line((left - 3, middle, left + width + 3, middle), fill=_INK, width=2)
        pen.text((left + width / 2, middle + 3), str(formula.factor), fill=_INK, font=font, anchor="mt")
    else:
        pen.text((left, middle), head, fill=_INK, font=font, anchor="lm")
    if formula.kind == "square":
        pen.text((left + width + 1, middle - 9), "2", fill=_INK, font=_font(11), anchor="lm")
    pen.text((left + width + (12 if formula.kind == "square" else 7), middle), rest, fill=_INK, font=font, anchor="lm")
    return image


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, so that the pictures are the same on every machine."""
    return ImageFont.load_default(size)
