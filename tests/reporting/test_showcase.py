from collections import Counter
from pathlib import Path

from reporting.fake_run import build_fake_run
from trimpi.evaluation.results import ExampleRecord
from trimpi.reporting.pictures import Pictures
from trimpi.reporting.run_directory import read_run
from trimpi.reporting.showcase import ShownRequest, choose, shown_requests
from trimpi.types import Outcome


def shown_in(run: Path) -> list[ShownRequest]:
    return shown_requests(read_run(run), Pictures(run))


def record(number: int, outcome: Outcome) -> ExampleRecord:
    return ExampleRecord(
        id=f"e{number}",
        policy="A",
        prompt_id="p",
        prompt_tokens=1,
        request="",
        completion="",
        extracted=None,
        value=0.0,
        outcome=outcome,
        reason="",
        gold="g",
        images=(),
    )


def by_id(outcomes: dict[int, Outcome]) -> dict[str, ExampleRecord]:
    return {f"e{number}": record(number, outcome) for number, outcome in outcomes.items()}


def test_gains_successes_losses_and_failures_are_shown_in_turns() -> None:
    before = by_id({number: "correct" if number % 2 else "wrong" for number in range(40)})
    after = by_id({number: "correct" if number < 36 else "truncated" for number in range(40)})
    chosen = choose(list(after.values()), before=before, after=after)
    assert len(chosen) == 10
    assert Counter((before[name].outcome, after[name].outcome) for name in chosen) == {
        ("wrong", "correct"): 3,
        ("correct", "correct"): 3,
        ("correct", "truncated"): 2,
        ("wrong", "truncated"): 2,
    }


def test_the_choice_does_not_depend_on_the_order_of_the_records() -> None:
    after = by_id(dict.fromkeys(range(30), "correct"))
    records = list(after.values())
    assert choose(records, before={}, after=after) == choose(records[::-1], before={}, after=after)


def test_fewer_requests_than_ten_are_all_shown() -> None:
    after = by_id({0: "correct", 1: "wrong"})
    assert sorted(choose(list(after.values()), before={}, after=after)) == ["e0", "e1"]


def test_base_and_latest_model_reply_to_the_same_requests(tmp_path: Path) -> None:
    for shown in shown_in(build_fake_run(tmp_path)):
        assert shown.before and shown.after and shown.prompt and shown.pictures[0].data_uri


def test_without_a_trained_model_the_base_replies_alone(tmp_path: Path) -> None:
    shown = shown_in(build_fake_run(tmp_path, evaluated=("base",)))
    assert len(shown) == 10
    assert all(request.before and request.after is None for request in shown)


def test_unfinished_reasoning_is_shown_as_it_was_written(tmp_path: Path) -> None:
    replies = [request.before for request in shown_in(build_fake_run(tmp_path))]
    cut = [reply for reply in replies if reply and reply.answer is None]
    assert cut and all(reply.reasoning.startswith("<think>") for reply in cut)
