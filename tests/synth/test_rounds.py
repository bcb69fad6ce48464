from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import tiny_models
from sampling.scripted_server import Reply, fails, says, serving
from synth.desk import TRAIN, asked_text, carry_out, config, generator, lines, new_round, source, thinks
from trimpi.errors import DataError, EndpointError, RecipeError
from trimpi.rendering.prompts import PromptWriter
from trimpi.synth.cost import price_of


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_a_round_survives_a_bad_endpoint_and_no_answer_is_paid_twice(tmp_path: Path) -> None:
    desk = source(tmp_path / "desk")
    script: list[Reply] = [
        fails(429, retry_after="7"),
        lines(("Refund 45 for a lamp?", "pay")),
        Reply(hang=True),
        says("lost on the way", cut=5),
        lines(("Refund 70 for a chair?", "ask")),
        fails(500),
        thinks("pay"),
        thinks("pay"),
        fails(401),
    ]
    with serving(*script) as server:
        with pytest.raises(EndpointError, match="refuses"):
            carry_out(new_round(desk), generator(server, desk.path))
        assert not new_round(desk).review.path.exists(), "a round that was stopped leaves no half of itself"

        server.steps += [thinks("pay"), *[thinks("ask", "Large sums: 70 is over 50.")] * 3]
        small, large = carry_out(new_round(desk), generator(server, desk.path))
    assert (small.status, small.votes) == ("pending", {"pay": 3})
    assert (large.status, large.votes) == ("pending", {"ask": 3})
    assert large.row is not None and large.row["cot"] == "Large sums: 70 is over 50."
    # Two calls and six checks were paid for, five attempts failed: nothing was asked again that had its answer.
    assert len(server.asked) == 2 + 6 + 5
    answered = [number for number in range(13) if number not in (0, 2, 3, 5, 8)]
    calls = Counter(asked_text(server.asked[number]) for number in answered)
    assert sorted(calls.values()) == [1, 1, 3, 3]

    full = new_round(desk)
    assert (full.batches, [gap.have for gap in full.gaps]) == ([], [2, 2]), "what is pending counts"


def test_answers_that_disagree_are_put_aside_with_the_votes_and_the_section_is_asked_for_again(tmp_path: Path) -> None:
    desk = source(tmp_path / "desk")
    votes = [thinks("pay"), thinks("ask"), says("no box")]
    with serving(lines(("Refund 50.4?", "pay")), lines(("Refund 51?", "ask")), *votes, *[thinks("ask")] * 3) as server:
        first, second = carry_out(new_round(desk), generator(server, desk.path))
    assert (first.status, first.votes) == ("disagreed", {"pay": 1, "ask": 1, "(no_answer)": 1})
    assert first.why == "1 of 3 answers under the policy are 'pay'"
    assert second.status == "pending" and "does not cite 'Large sums'" in second.why
    assert second.row is not None and second.row["sections"] == ["Small sums"]

    again = new_round(desk)
    assert [(gap.title, gap.have) for gap in again.gaps] == [("Small sums", 2), ("Large sums", 1)]
    (batch,) = again.batches
    assert (batch.section, batch.number) == ("Large sums", 2), "another call, in other words"
    assert '"Refund 51?"' in str(again.prompts[0].messages[-1].parts[-1])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Here you are:", "not valid JSON"),
        ('{"prompt": "a"}', "its keys are prompt;"),
        ('{"prompt": "a", "answer": "pay", "images": ["/etc/passwd"]}', "its keys are prompt, answer, images"),
        ('{"prompt": "a", "answer": "pay", "answer": "ask"}', "there twice"),
        ('{"prompt": ["a"], "answer": "pay"}', "no text"),
        ('{"prompt": "\\ud800", "answer": "pay"}', "half a character"),
        ('{"prompt": "a", "answer": 1e999}', "too large"),
        ('{"prompt": "a", "answer": "maybe"}', "none by the reward"),
        ('{"prompt": "a", "answer": null}', "answer is empty"),
        ('{"prompt": "a <|end|> b", "answer": "pay"}', "keeps for turns"),
        ("", "holds no line"),
    ],
)
def test_what_is_no_request_is_kept_with_the_reason(line: str, why: str, tmp_path: Path) -> None:
    desk = source(tmp_path / "desk")
    with serving(says(line), says("```json\n```")) as server:
        first, second = carry_out(new_round(desk), generator(server, desk.path))
    assert (first.status, first.row) == ("unusable", None)
    assert why in first.why
    assert second.why == "the reply holds no line"
    assert len(server.asked) == 2, "nothing of it is checked"


def test_requests_like_those_that_are_there_are_duplicates(tmp_path: Path) -> None:
    desk = source(tmp_path / "desk")
    given: list[tuple[str, Any]] = [
        ("refund 20, for a CUP!", "ask"),  # a training row's words
        ("Refund 30 for a pan please?", "pay"),  # a test row's, and one more
        ("Refund 31 for a pan?", "pay"),  # another number is another case
        ("Refund 31 for a pan now?", "ask"),  # nearly the same words, another answer
        ("Refund 31 for a pan??", "pay"),  # of this round
    ]
    with serving(lines(*given), says("-"), *[thinks("pay")] * 3, *[thinks("ask")] * 3) as server:
        records = carry_out(new_round(desk, requests_per_section=6), generator(server, desk.path))
    statuses, whys = zip(*((record.status, record.why) for record in records[:5]), strict=True)
    assert statuses == ("duplicate", "duplicate", "pending", "pending", "duplicate")
    assert whys[0].endswith("train.jsonl:1") and whys[1].endswith("test.jsonl:1") and whys[4].endswith("of this round")


def test_each_section_gets_what_it_lacks_and_the_writer_is_told_what_is_there(tmp_path: Path) -> None:
    round_ = new_round(source(tmp_path / "desk"), requests_per_section=8, requests_per_call=5)
    assert [(batch.section, batch.number, batch.count) for batch in round_.batches] == [
        ("Small sums", 1, 5),
        ("Small sums", 2, 2),
        ("Large sums", 1, 5),
        ("Large sums", 2, 2),
    ]
    asked = str(round_.prompts[0].messages[-1].parts[-1])
    assert "that the section 'Small sums' decides" in asked
    assert 'The answer is one of ["pay", "ask"]' in asked
    there = asked.partition("there already")[2]
    assert '"Refund 20 for a cup?"' in there and "Refund 90" not in there
    assert "Refund 30 for a pan" not in asked, "test requests are shown to nobody"


def test_sections_that_decide_nothing_are_skipped(tmp_path: Path) -> None:
    desk = source(tmp_path / "desk")
    assert [gap.title for gap in new_round(desk, skip=["large sums"]).gaps] == ["Small sums"]
    with pytest.raises(RecipeError, match=r"'Huge sums'; the sections are Small sums, Large sums"):
        new_round(desk, skip=["Huge sums"])


def test_more_requests_than_asked_are_not_paid_for(tmp_path: Path) -> None:
    desk = source(tmp_path / "desk")
    two = lines(("Refund 1?", "pay"), ("Refund 2?", "pay"))
    with serving(two, says("-"), *[thinks("pay")] * 3) as server:
        records = carry_out(new_round(desk), generator(server, desk.path))
    assert [record.why for record in records][1] == "more than the 1 asked"
    assert len(server.asked) == 5


def test_pictures_take_turns_and_are_never_those_of_policy_or_test(tmp_path: Path) -> None:
    desk = source(tmp_path / "desk")
    folder = desk.path
    (folder / "policy.md").write_text((folder / "policy.md").read_text() + "![](images/red.png)\n")
    for name, color in (("green", "green"), ("black", "black"), ("same", "black")):
        tiny_models.write_image(folder / "images" / f"{name}.png", color=color)
    shown = {"id": "e1", "prompt": "?", "answer": "pay", "images": ["images/blue.png"]}
    (folder / "test.jsonl").write_text(json.dumps(shown) + "\n")
    round_ = new_round(desk, images="folder", requests_per_call=1, requests_per_section=3)
    names = [batch.image.name for batch in round_.batches if batch.image]
    assert names == ["black.png", "green.png", "green.png", "black.png"]
    with serving(lines(("What now?", "pay")), *[says("-")] * 3, *[thinks("pay")] * 3) as server:
        record = carry_out(round_, generator(server, folder))[0]
    assert record.row is not None and record.row["images"] == ["images/black.png"]
    again = new_round(desk, images="folder", requests_per_call=1, requests_per_section=9)
    for batch, prompt in zip(again.batches, again.prompts, strict=True):
        told = "What now?" in str(prompt.messages[-1].parts[-1])
        assert told == (batch.section == "Small sums" and batch.image == desk.path / "images" / "black.png")
    with pytest.raises(DataError, match="no such folder"):
        new_round(desk, images="folder", image_folder="../")


def test_a_policy_without_headings_is_one_section(tmp_path: Path) -> None:
    desk = source(tmp_path / "desk")
    (desk.path / "policy.md").write_text("# Desk\nUp to 50 pay, else ask.\n")
    rows = [{key: value for key, value in row.items() if key != "sections"} for row in TRAIN]
    (desk.path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    round_ = new_round(desk, requests_per_section=3)
    (gap,) = round_.gaps
    assert (gap.title, gap.have, gap.missing) == ("Desk", 2, 1)
    with serving(lines(("Refund 12?", "pay")), *[thinks("pay", "12 is small.")] * 3) as server:
        (record,) = carry_out(round_, generator(server, desk.path))
    assert record.status == "pending"
    assert not new_round(desk, requests_per_section=3).batches


def test_the_bound_counts_what_is_still_to_be_paid(tmp_path: Path) -> None:
    cost = new_round(source(tmp_path / "desk"), max_new_tokens=100, answer_tokens=10).cost(
        PromptWriter(), lambda prompt: 1000, paid=1
    )
    # One of two calls is left, and two requests are answered three times each.
    assert (cost.calls, cost.checks, cost.prompt_tokens, cost.written_tokens) == (2, 6, 7000, 160)
    assert price_of(7000, 160, config(input_price=2.0, output_price=5.0)) == pytest.approx(0.0148)
