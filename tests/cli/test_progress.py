from __future__ import annotations

import io

from rich.console import Console

from trimpi.cli.progress import LogReporter, TerminalReporter, format_duration


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_log_gets_a_line_now_and_then_with_the_time_left() -> None:
    stream, clock = io.StringIO(), Clock()
    with LogReporter(stream, clock=clock).track("01-vm_cpt") as progress:
        for done in range(1, 101):
            clock.now += 1
            progress(done, 100)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "01-vm_cpt: 15/100, 1m25s left"
    assert lines[-1] == "01-vm_cpt: done in 1m40s"
    assert len(lines) == 7


def test_log_of_failed_work_does_not_say_done() -> None:
    stream = io.StringIO()
    try:
        with LogReporter(stream).track("work"):
            raise ValueError
    except ValueError:
        pass
    assert stream.getvalue() == ""


def test_terminal_shows_the_work_and_how_far_it_is() -> None:
    stream = io.StringIO()
    with TerminalReporter(Console(file=stream, force_terminal=True, width=100)).track("rl") as progress:
        progress(3, 4)
    assert "rl" in stream.getvalue() and "3/4" in stream.getvalue()


def test_durations_read_as_people_say_them() -> None:
    assert [format_duration(seconds) for seconds in (4.4, 65, 7260)] == ["4s", "1m05s", "2h01m"]
