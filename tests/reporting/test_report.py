import base64
import io
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from reporting.fake_calls import build_fake_calls_run
from reporting.fake_run import build_fake_run
from trimpi.errors import RunError
from trimpi.policies import Policy, save_policy
from trimpi.reporting import write_report
from trimpi.reporting.images import image_data_uri
from trimpi.reporting.model_card import model_card
from trimpi.reporting.run_directory import read_run

ABOUT = {
    "trimpi": "0.1.0",
    "instruction": "Answer as the policy says.",
    "weights": "merged",
    "parity": {"tokens": 8, "prompts": 1, "difference": 0.0, "bound": 0.001},
}
"""What an export says beside a model's weights."""
HOSTILE = """</style></pre><script>alert(1)</script><img src=x onerror='alert(2)'>"'{{ 7*7 }}&amp;"""


class Page(HTMLParser):
    """The page as a browser takes it apart: tags with attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def report(run: Path) -> Page:
    return Page(write_report(run).read_text(encoding="utf-8"))


def make_hostile(run: Path) -> None:
    """Put hostile text wherever a model, a document or a file name can put text."""
    for path in (run / "eval").glob("*/accuracy.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            row.update(
                completion=f"<think>{HOSTILE}</think>", extracted=HOSTILE, gold=HOSTILE, policy=HOSTILE, reason=HOSTILE
            )
            row["images"] = [f"{HOSTILE}.png"]
            row["sections"] = [HOSTILE]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for path in (run / "eval").glob("*/accuracy.json"):
        result = json.loads(path.read_text())
        result["errors"] = {HOSTILE: 3}
        result["parts"] = {HOSTILE: result["score"]}
        path.write_text(json.dumps(result))
    requests = run / "data" / "test.jsonl"
    rows = [{**json.loads(line), "prompt": HOSTILE} for line in requests.read_text().splitlines()]
    requests.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for policy in (run / "data").glob("**/policy.md"):
        save_policy(Policy(HOSTILE, (f"# {HOSTILE}\n{HOSTILE}\n",)), policy.parent)
    (run / "manifest.json").write_text(json.dumps({HOSTILE: HOSTILE}))
    (run / "recipe.yaml").write_text(json.dumps({"name": HOSTILE, "stages": []}))


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    page = report(build_fake_run(tmp_path))
    assert not {"link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    assert not any("src" in attributes for tag, attributes in page.tags if tag == "script")
    addresses = [
        value
        for _, attributes in page.tags
        for key, value in attributes.items()
        if key in ("src", "href", "xlink:href")
    ]
    assert addresses and all(str(address).startswith(("data:image/png;base64,", "#")) for address in addresses)


def test_hostile_text_is_shown_and_never_becomes_markup(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path)
    expected = [tag for tag, _ in report(run).tags if tag in ("style", "script")]
    make_hostile(run)
    page = report(run)
    assert [tag for tag, _ in page.tags if tag in ("style", "script")] == expected == ["style", "script", "script"]
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
    assert page.text.count(HOSTILE) > 60


def test_parts_sections_and_errors_of_tool_calls_are_on_the_page(tmp_path: Path) -> None:
    page = report(build_fake_calls_run(tmp_path))
    for expected in ("Tool Acc", "Arg Score", "half Tool Acc and half Arg Score", "regionattributedescription.2"):
        assert expected in page.text
    for expected in ("Accuracy by section", "Tool right", "Errors by kind", "wrong argument: image"):
        assert expected in page.text
    links = {attributes.get("href") for tag, attributes in page.tags if tag == "a"}
    ids = {f"#{attributes['id']}" for _, attributes in page.tags if "id" in attributes}
    views = {link for link in links if str(link).startswith("#browse?")}
    assert {"#sections", "#errors"} <= links - views <= ids and views


def test_a_page_about_answers_that_are_right_or_wrong_has_sections_only(tmp_path: Path) -> None:
    text = report(build_fake_run(tmp_path)).text
    assert "Accuracy by section" in text
    for unexpected in ("Tool Acc", "Tool right", "Errors by kind", "scores are made of"):
        assert unexpected not in text


def test_the_headline_compares_before_and_after_with_their_intervals(tmp_path: Path) -> None:
    page = report(build_fake_run(tmp_path))
    assert "21.7% → 93.3% right, without the policy in the prompt" in page.text
    assert "93.3% right answers (95% interval 84.1–97.4)" in page.text
    assert "+31.7 points" in page.text and "214 → 66" in page.text


def test_overlapping_intervals_are_not_called_a_gain(tmp_path: Path) -> None:
    assert "does not show a gain" in report(build_fake_run(tmp_path, evaluated=("base", "vm_cpt"), n=8)).text


def test_ten_requests_are_shown_with_verdicts_of_both_kinds(tmp_path: Path) -> None:
    page = report(build_fake_run(tmp_path))
    assert sum(tag == "article" for tag, _ in page.tags) == 10
    classes = [attributes.get("class") for tag, attributes in page.tags if tag == "span"]
    assert "badge correct" in classes and "badge wrong" in classes


def test_policies_costs_and_provenance_are_on_the_page(tmp_path: Path) -> None:
    text = report(build_fake_run(tmp_path)).text
    for expected in (
        "## Condition 1.2",
        "2 min 05 s",
        "1.13 GB",
        "packages.torch",
        "2c82392b1f0a",
        "policies.L2-Surinu",
    ):
        assert expected in text


@pytest.mark.parametrize(("interval", "noise"), [((-0.05, 0.07), True), ((0.02, 0.07), False), (None, False)])
def test_a_prefill_saving_within_noise_is_no_number(
    tmp_path: Path, interval: tuple[float, float] | None, noise: bool
) -> None:
    run = build_fake_run(tmp_path)
    for file in run.glob("eval/*/efficiency.json"):
        changes = {} if interval is None else {"intervals": {"prefill_saved": interval}, "prefill_repeats": 15}
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    text = report(run).text
    assert ("within noise" in text, "−64%" in text) == (noise, not noise)
    assert ("paired runs: −7% to +5%" in text) == noise
    assert ("run against run" in text, "the median of 15 forward passes" in text) == (interval is not None,) * 2


def test_a_resumed_stage_is_shown_with_the_time_of_all_its_attempts(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path)
    file = run / "stages" / "01-vm_cpt" / "manifest.json"
    took = {"steps": 160, "resumed_from": 120, "seconds": 40.0, "training_seconds": 200.0, "tokens": 410_000}
    file.write_text(json.dumps({**json.loads(file.read_text()), **took}))
    page = write_report(run).read_text()
    assert "<td>3 min 20 s</td><td>410,000</td><td>2,050</td>" in page, "410,000 tokens in 200 seconds"
    card = model_card(read_run(run), stage="01-vm_cpt", name="resumed", about=ABOUT)
    assert "| VM-CPT | 160 |" in card and "| 410,000 | 3 min 20 s |" in card


@pytest.mark.parametrize("evaluated", [(), ("base",), ("base", "vm_cpt")])
def test_a_run_in_progress_is_reported_as_far_as_it_got(tmp_path: Path, evaluated: tuple[str, ...]) -> None:
    run = build_fake_run(tmp_path, stages=("vm_cpt",), evaluated=evaluated)
    (run / "stages" / "01-vm_cpt" / "manifest.json").unlink()
    page = report(run)
    assert "The run is not finished" in page.text and "not finished" in page.text


def test_a_run_that_has_only_begun_still_gives_a_page(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("name: fresh\nstages: []\n")
    (tmp_path / "manifest.json").write_text("{}")
    assert "No suite has finished yet" in report(tmp_path).text


def test_a_missing_image_is_named_and_does_not_stop_the_report(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path)
    for image in (run / "data" / "images").iterdir():
        image.unlink()
    assert "is no longer there" in report(run).text


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path)
    first = write_report(run).read_bytes()
    assert write_report(run).read_bytes() == first


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    run = build_fake_run(tmp_path)
    (run / "eval" / "03-rl" / "accuracy.json").write_text("{")
    with pytest.raises(RunError, match=r"accuracy\.json is not JSON"):
        write_report(run)


def test_a_file_that_is_no_image_has_no_data_uri(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_text("<svg onload=alert(1)>")
    assert image_data_uri(path) is None
    assert image_data_uri(tmp_path / "missing.png") is None


def test_sixteen_bits_are_shown_as_models_are_shown_them(tmp_path: Path) -> None:
    Image.new("I;16", (2, 1), 257 * 40).save(tmp_path / "scan.png")
    uri = image_data_uri(tmp_path / "scan.png") or ""
    shown = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert shown.getpixel((0, 0)) == (40, 40, 40)


def test_reporting_and_the_suites_do_not_import_torch() -> None:
    program = "import sys, trimpi.reporting, trimpi.evaluation; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
