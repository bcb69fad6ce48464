"""What the user sees when something goes wrong: one line that says what to do."""

from __future__ import annotations

import functools
import os
import shlex
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

from trimpi.errors import TrimpiError

USER_ERROR = 2
INTERRUPTED = 130

Parameters = ParamSpec("Parameters")


def reported(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """The command with every TrimpiError, and what the file system refuses, as one line and exit code 2, and Ctrl-C as
    one line and exit code 130.
    """

    @functools.wraps(command)
    def with_reports(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except TrimpiError as error:
            _print(f"error: {error}")
            raise typer.Exit(USER_ERROR) from None
        except BrokenPipeError:
            raise  # of whoever read the output, such as `head`; the command line ends quietly
        except OSError as error:
            _print(f"error: {_say_refused(error)}")
            raise typer.Exit(USER_ERROR) from None
        except KeyboardInterrupt:
            _print(f"interrupted; what is finished is kept, and the same command goes on: {_same_command()}")
            raise typer.Exit(INTERRUPTED) from None

    return with_reports


def _print(message: str) -> None:
    rank = os.environ.get("RANK", "0")
    prefix = "" if rank == "0" else f"[process {rank}] "
    typer.echo(prefix + " ".join(message.splitlines()), err=True)


def _say_refused(error: OSError) -> str:
    if error.filename is None:
        return str(error)
    return f"{error.filename} cannot be read or written ({error.strerror}): give another path, or see to its rights"


def _same_command() -> str:
    return shlex.join(["trimpi", *sys.argv[1:]])
