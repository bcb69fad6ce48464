from pathlib import Path

import pytest

from browser.chromium import WIDTHS, Browser
from browser.hostile import LINE, MARKUP

OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
SECTIONS = ("results", "paper", "suites", "kinds", "sections", "figures", "requests", "browse", "measurements")


def test_a_page_opens_without_an_error_and_asks_for_nothing_else(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert all(browser.run("return document.getElementById(arguments[0]) !== null", name) for name in SECTIONS)
    assert browser.console() == []
    assert browser.requests() == [page.as_uri()]


def test_every_picture_shows(browser: Browser, page: Path) -> None:
    browser.open(page)
    widths = browser.run("return [...document.images].map(image => image.naturalWidth)")
    assert len(widths) > 10 and all(widths)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_serious(browser: Browser, page: Path, axe: str, width: int, dark: bool) -> None:
    browser.open(page, "#browse?suite=referral&outcome=wrong", width=width, dark=dark)
    browser.run("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    assert browser.violations(axe) == []


def test_axe_would_find_something(browser: Browser, page: Path, axe: str) -> None:
    browser.open(page)
    browser.run("document.images[0].removeAttribute('alt')")
    assert browser.violations(axe)


@pytest.mark.parametrize("fragment", ["", "#browse?suite=referral&outcome=wrong"])
def test_a_phone_never_scrolls_sideways(browser: Browser, page: Path, fragment: str) -> None:
    browser.open(page, fragment, width=360)
    browser.run("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    assert browser.run(OVERFLOW) == 0


def test_dark_mode_is_dark(browser: Browser, page: Path) -> None:
    colors = []
    for dark in (False, True):
        browser.open(page, dark=dark)
        colors.append(browser.run("return getComputedStyle(document.body).backgroundColor"))
    assert colors == ["rgb(246, 245, 241)", "rgb(16, 18, 23)"]


def test_hostile_text_stays_text(browser: Browser, hostile_page: Path) -> None:
    browser.open(hostile_page)
    for _ in range(12):
        browser.run("document.querySelector('.moves button[aria-label^=Next]').click()")
    assert browser.run("return window.ran") is None
    assert browser.console() == []
    assert browser.requests() == [hostile_page.as_uri()]
    assert browser.run("return document.scripts.length") == 2
    assert browser.run("return document.querySelectorAll('svg[onload], img[onerror], textarea').length") == 0
    shown = browser.run("return document.getElementById('record').textContent")
    assert shown.count(MARKUP) >= 8
    for code in ("U+202E", "U+2066", "U+200F", "U+0000", "U+0007", "U+2028", "U+FEFF"):
        assert code in shown


def test_a_line_of_a_million_characters_is_cut_and_wraps(browser: Browser, hostile_page: Path) -> None:
    browser.open(hostile_page, width=360)
    browser.run(
        "const search = document.getElementById('search'); search.value = 'WWWWW';"
        "search.dispatchEvent(new Event('input'))"
    )
    record = browser.run("return document.getElementById('record').textContent")
    assert f"{LINE - 20_000:,} more characters" in record
    assert record.count("W" * 20_000) == 1 and "W" * 20_001 not in record
    assert browser.run(OVERFLOW) == 0


def test_hostile_text_does_not_scroll_a_phone_sideways(browser: Browser, hostile_page: Path) -> None:
    browser.open(hostile_page, width=360)
    browser.run("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    assert browser.run(OVERFLOW) == 0
