import json
import re
from pathlib import Path
from typing import Any

import pytest

from browser.chromium import Browser
from trimpi.evaluation.results import load_records

CHOOSE = """
const [label, value] = arguments;
const field = [...document.querySelectorAll('#facets label')].find(field => field.firstChild.textContent === label);
const select = field.querySelector('select');
select.value = value;
select.dispatchEvent(new Event('change'));
"""
SEARCH = """
const field = document.getElementById('search');
field.value = arguments[0];
field.dispatchEvent(new Event('input'));
"""
LABELS = """
return [...document.querySelectorAll('#facets label')].filter(field => !field.hidden)
  .map(field => field.firstChild.textContent);
"""
TIMED = """
const [label, value] = arguments;
const field = [...document.querySelectorAll('#facets label')].find(field => field.firstChild.textContent === label);
const select = field.querySelector('select');
const start = performance.now();
select.value = value;
select.dispatchEvent(new Event('change'));
document.body.offsetHeight;
return performance.now() - start;
"""


def count(browser: Browser) -> int:
    """How many records the page says are in the view."""
    text = browser.run("return document.getElementById('count').textContent")
    return int(re.match(r"[\d,]+", text)[0].replace(",", ""))  # type: ignore[index]


def record(browser: Browser) -> str:
    return str(browser.run("return document.getElementById('record').innerText"))


def press(browser: Browser, key: str, selector: str = "#list") -> None:
    browser.run(
        "const target = document.querySelector(arguments[1]); target.focus();"
        "target.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], bubbles: true, cancelable: true}))",
        key,
        selector,
    )


def position(browser: Browser) -> int:
    return int(re.search(r"([\d,]+) of", record(browser))[1].replace(",", ""))  # type: ignore[index]


def test_all_records_of_base_and_last_model_are_there(browser: Browser, page: Path) -> None:
    browser.open(page)
    lines = [
        len(load_records(file))
        for name in ("00-base", "03-rl")
        for file in (page.parent / "eval" / name).glob("*.jsonl")
    ]
    assert count(browser) == sum(lines) == 1640


def test_filters_count_what_the_suite_counted(browser: Browser, page: Path) -> None:
    browser.open(page)
    result = json.loads((page.parent / "eval" / "03-rl" / "in_context.json").read_text())
    browser.run(CHOOSE, "Suite", "in_context")
    browser.run(CHOOSE, "Model", "RL")
    for outcome in ("correct", "wrong", "no_answer", "truncated"):
        browser.run(CHOOSE, "Verdict", outcome)
        assert count(browser) == result["outcomes"][outcome] > 0


def test_options_count_what_choosing_them_would_show(browser: Browser, page: Path) -> None:
    browser.open(page, "#browse?suite=referral")
    options: list[dict[str, Any]] = browser.run(
        "return [...document.querySelectorAll('#facets label:not([hidden]) option')].filter(o => o.value)"
        ".map(o => ({label: o.closest('label').firstChild.textContent, value: o.value, text: o.textContent}))"
    )
    for option in options:
        if option["label"] not in ("Suite", "Section or rule"):
            browser.open(page, "#browse?suite=referral")
            browser.run(CHOOSE, option["label"], option["value"])
            assert option["text"].endswith(f"({count(browser)})") or count(browser) == 0


def test_tags_can_be_chosen_within_their_suite(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert not [label for label in browser.run(LABELS) if label.startswith("Tag")]
    browser.run(CHOOSE, "Suite", "override")
    assert {"Tag: edit", "Tag: affected"} == {label for label in browser.run(LABELS) if label.startswith("Tag")}
    browser.run(CHOOSE, "Tag: edit", "one subtree")
    browser.run(CHOOSE, "Tag: affected", "yes")
    assert count(browser) == 40


def test_search_finds_words_of_the_reasoning_in_any_case(browser: Browser, page: Path) -> None:
    browser.open(page, "#browse?suite=forgetting")
    browser.run(SEARCH, "QUESTION ABOUT count, NUMBER 7")
    assert count(browser) == 2 and "A question about count, number 7" in record(browser)
    browser.run(SEARCH, "nobody wrote this")
    assert count(browser) == 0
    assert browser.run("return document.getElementById('nothing').innerText") == "No record is like that."
    browser.run("document.getElementById('clear').click()")
    assert count(browser) == 1640


def test_wrong_steps_are_marked_with_their_kind_and_reason(browser: Browser, page: Path) -> None:
    browser.open(page, "#browse?suite=referral&model=Base&outcome=wrong")
    steps = browser.run("return [...document.querySelectorAll('.steps li')].map(step => step.className)")
    assert steps == ["unread", "wrong", "right"]
    wrong = browser.run("return document.querySelector('.steps li.wrong').innerText")
    for expected in ("I go to Condition 1.1.", "branching", "the policy sends to Condition 1.2"):
        assert expected in wrong
    assert "FIRST ERROR" in wrong.upper()


def test_a_record_shows_picture_request_reasoning_gold_and_answer(browser: Browser, page: Path) -> None:
    browser.open(page, "#browse?suite=in_context&model=RL&outcome=wrong")
    text = record(browser)
    for expected in (
        "What is the response to this image under",
        "I follow L2-",
        "Gold",
        "Answer",
        "Prompt tokens",
        "Policy",
    ):
        assert expected in text
    assert browser.run("return document.querySelector('#record img').naturalWidth") == 128


def test_steps_of_the_same_completion_are_borrowed_from_the_suite_that_judged_it(browser: Browser, page: Path) -> None:
    browser.open(page, "#browse?suite=accuracy&model=Base&outcome=wrong")
    assert "Judged in the suite Referral." in record(browser)


def test_the_same_request_elsewhere_is_one_click_away(browser: Browser, page: Path) -> None:
    browser.open(page, "#browse?suite=accuracy&model=Base")
    browser.run(
        "[...document.querySelectorAll('.others button')].find(b => b.innerText.includes('RL · Policy-free')).click()"
    )
    assert "Policy-free · RL · not among the filtered" in record(browser)
    assert count(browser) == 60


@pytest.mark.parametrize(("forward", "back"), [("j", "k"), ("ArrowDown", "ArrowUp")])
def test_keys_move_to_the_next_and_the_previous_record(browser: Browser, page: Path, forward: str, back: str) -> None:
    browser.open(page)
    press(browser, forward)
    press(browser, forward)
    assert position(browser) == 3
    press(browser, back)
    assert position(browser) == 2
    active = browser.run("return document.getElementById('list').getAttribute('aria-activedescendant')")
    assert browser.run("return document.getElementById(arguments[0]).getAttribute('aria-selected')", active) == "true"


def test_letters_typed_into_the_search_do_not_move(browser: Browser, page: Path) -> None:
    browser.open(page)
    press(browser, "j", "#search")
    assert position(browser) == 1


def test_the_last_record_is_reached_and_drawn(browser: Browser, page: Path) -> None:
    browser.open(page)
    press(browser, "End")
    assert position(browser) == count(browser)
    assert browser.run("return document.querySelectorAll('.row').length") < 60


def test_a_view_is_in_the_address_and_comes_back_from_it(browser: Browser, page: Path) -> None:
    browser.open(page, "#browse?suite=accuracy&model=Base")
    browser.run(CHOOSE, "Verdict", "truncated")
    browser.run(SEARCH, "surinu")
    press(browser, "j")
    before = (count(browser), record(browser))
    fragment = browser.run("return location.hash")
    browser.open(page, fragment)
    assert (count(browser), record(browser)) == before
    assert browser.run("return document.getElementById('search').value") == "surinu"


def test_numbers_in_tables_lead_to_their_records(browser: Browser, page: Path) -> None:
    browser.open(page)
    links = browser.run(
        "return [...document.querySelectorAll('a.records')].map(a => [a.textContent, a.getAttribute('href')])"
    )
    counted = [(text, href) for text, href in links if re.match(r"\d+ (correct|wrong|no answer|truncated)$", text)]
    assert len(counted) > 10
    for text, href in counted:
        browser.run("location.hash = arguments[0]", href)
        browser.driver.execute_async_script("setTimeout(arguments[0], 20)")
        assert count(browser) == int(text.split()[0]), text
    bars = [(text, href) for text, href in links if re.match(r"\d+ of \d+$", text)]
    assert len(bars) > 20
    for text, href in bars:
        browser.run("location.hash = arguments[0]", href)
        browser.driver.execute_async_script("setTimeout(arguments[0], 20)")
        assert count(browser) == int(text.split()[2]), text


def test_an_address_with_unknown_values_shows_everything(browser: Browser, page: Path) -> None:
    browser.open(page, "#browse?suite=<script>&model=nobody&at=x~y~z&constructor=1")
    assert count(browser) == 1640 and browser.console() == []


def test_every_control_has_a_name_and_focus_shows(browser: Browser, page: Path) -> None:
    browser.open(page)
    unnamed = browser.run(
        "return [...document.querySelectorAll('#browser :is(input, select, button)')]"
        ".filter(c => !c.labels?.length && !c.getAttribute('aria-label') && !c.textContent.trim()).length"
    )
    assert unnamed == 0
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.driver.find_element(By.ID, "search").send_keys(Keys.TAB)
    outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert browser.run("return document.activeElement.tagName") == "SELECT" and outline == "solid"


def test_next_keeps_the_focus_where_it_was(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run("document.querySelector('[aria-label=\"Next record\"]').click()")
    assert browser.run("return document.activeElement.getAttribute('aria-label')") == "Next record"
    assert position(browser) == 2


def test_five_thousand_records_filter_at_once(browser: Browser, large_page: Path) -> None:
    browser.open(large_page)
    assert count(browser) == 5040
    took = [
        browser.run(TIMED, label, value)
        for label, value in (
            ("Model", "RL"),
            ("Verdict", "wrong"),
            ("Policy", "L2-Ovelka"),
            ("Verdict", ""),
            ("Model", ""),
        )
    ]
    start = browser.run(
        "const start = performance.now(); const field = document.getElementById('search'); field.value = 'copy 41';"
        "field.dispatchEvent(new Event('input')); document.body.offsetHeight; return performance.now() - start"
    )
    assert max(*took, start) < 300, (took, start)
    assert count(browser) == 60


def test_without_scripts_the_page_shows_everything_else(browser: Browser, page: Path) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(page)
        from selenium.webdriver.common.by import By

        text = browser.driver.find_element(By.TAG_NAME, "body").text
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "Filtering needs JavaScript" in text
    for expected in ("All suites", "By kind of question", "Requests and replies", "Provenance"):
        assert expected in text
    assert "Clear filters" not in text
