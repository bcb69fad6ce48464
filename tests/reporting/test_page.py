import json
import re
from html.parser import HTMLParser
from pathlib import Path

from reporting.fake_run import build_fake_run
from reporting.fake_suites import build_fake_suites_run
from trimpi.reporting import write_report
from trimpi.reporting.page import inert_json, script_hash, security_policy

HOSTILE = "</script><!--<script>&\u2028\u2029]]>"


class Scripts(HTMLParser):
    """The scripts of a page as a browser reads them: type and content."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str | None, str]] = []
        self.inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.inside = True
            self.found.append((dict(attrs).get("type"), ""))

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "script"

    def handle_data(self, data: str) -> None:
        if self.inside:
            kind, text = self.found[-1]
            self.found[-1] = (kind, text + data)


def test_json_in_a_page_has_nothing_that_ends_its_element_and_reads_back() -> None:
    text = inert_json({HOSTILE: [HOSTILE, 1, None]})
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == {HOSTILE: [HOSTILE, 1, None]}


def test_the_only_script_that_may_run_is_the_one_in_the_page(tmp_path: Path) -> None:
    html = write_report(build_fake_run(tmp_path, n=4)).read_text(encoding="utf-8")
    (kind, data), (code_kind, code) = Scripts(html).found
    assert kind == "application/json" and json.loads(data)["records"]
    assert code_kind is None and f"script-src &#39;{script_hash(code)}&#39;" in html
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "fetch("):
        assert forbidden not in code


def test_a_page_without_records_allows_no_script(tmp_path: Path) -> None:
    html = write_report(build_fake_run(tmp_path, evaluated=())).read_text(encoding="utf-8")
    assert Scripts(html).found == [] and "script-src" not in html
    assert security_policy("").startswith("default-src 'none'")


def test_half_a_character_does_not_stop_the_report(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path, n=4, evaluated=("base",))
    path = run / "eval" / "00-base" / "accuracy.jsonl"
    rows = [{**json.loads(line), "policy": "\ud83d", "completion": "\ud83d"} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert write_report(run).is_file()


def test_all_models_are_in_the_browser_when_asked_for(tmp_path: Path) -> None:
    run = build_fake_suites_run(tmp_path, n=4)
    for all_models, models in ((False, ["Base", "RL"]), (True, ["Base", "VM-CPT", "CoT SFT", "RL"])):
        html = write_report(run, all_models=all_models).read_text(encoding="utf-8")
        assert json.loads(Scripts(html).found[0][1])["models"] == models
