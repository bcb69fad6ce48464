from __future__ import annotations

import pytest
import typer

from trimpi.cli.failures import reported
from trimpi.errors import RecipeError


def failing_with(error: BaseException):  # type: ignore[no-untyped-def]
    def command() -> None:
        raise error

    return reported(command)


def test_user_errors_are_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as end:
        failing_with(RecipeError("seed is 'x';\nallowed is a whole number"))()
    assert end.value.exit_code == 2
    assert capsys.readouterr() == ("", "error: seed is 'x'; allowed is a whole number\n")


def test_what_the_file_system_refuses_is_one_line_with_path_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    for error, said in (
        (PermissionError(13, "Permission denied", "/proc/x"), "/proc/x cannot be read or written (Permission denied)"),
        (OSError("the disk\nis gone"), "the disk is gone"),
    ):
        with pytest.raises(typer.Exit) as end:
            failing_with(error)()
        assert end.value.exit_code == 2
        message = capsys.readouterr().err
        assert message.startswith(f"error: {said}") and message.count("\n") == 1


def test_a_reader_of_the_output_that_leaves_is_no_error() -> None:
    with pytest.raises(BrokenPipeError):
        failing_with(BrokenPipeError(32, "Broken pipe"))()


def test_interrupt_says_how_to_go_on(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/trimpi", "run", "my recipe.yaml", "seed=1"])
    with pytest.raises(typer.Exit) as end:
        failing_with(KeyboardInterrupt())()
    assert end.value.exit_code == 130
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "trimpi run 'my recipe.yaml' seed=1" in message


def test_processes_beside_the_main_one_say_who_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(typer.Exit):
        failing_with(RecipeError("wrong"))()
    assert capsys.readouterr().err == "[process 1] error: wrong\n"


def test_bugs_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        failing_with(ZeroDivisionError())()
