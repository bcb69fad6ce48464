"""What the policy costs, and what the prefix engine saves, measured on this machine.

    python -m benchmarks [NAME ...] [--model nano] [--quick]
    python -m benchmarks --write-docs

Writes runs/bench/NAME.json for every benchmark that was run, and runs/bench/bench.png of all results that lie there.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

# The profiler's own messages; both are read when torch is imported.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")
os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")

from rich.console import Console

from benchmarks.catalogue import BENCHMARKS
from benchmarks.documentation import write_figures
from benchmarks.figure import draw
from benchmarks.storage import FOLDER, Result, describe_machine, load, save
from benchmarks.subject import Subject, clevr_tasks
from benchmarks.terminal import table
from trimpi.cli.progress import make_reporter
from trimpi.cli.services import cache_dir, quiet_libraries
from trimpi.errors import RunError, TrimpiError
from trimpi.models.loading import NANO
from trimpi.run.services import Progress


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmarks named, all of them without a name; or write what lies in runs/bench into the docs."""
    wanted = parser().parse_args(arguments)
    unknown = [name for name in wanted.names if name not in BENCHMARKS]
    if unknown:
        raise RunError(
            f"there is no benchmark {', '.join(unknown)}: give any of {', '.join(BENCHMARKS)}, or none for all"
        )
    if wanted.write_docs:
        write_figures(_results())
        return
    quiet_libraries()
    console, reporter = Console(), make_reporter()
    subject = Subject(model=wanted.model, task_of=clevr_tasks(cache_dir()))
    for name in wanted.names or BENCHMARKS:
        with reporter.track(name) as progress:
            result = measure(name, subject, quick=wanted.quick, progress=progress)
        save(result, FOLDER)
        console.print(table(result))
    drawn = draw([result for result in _results() if BENCHMARKS[result.name].in_figure], FOLDER)
    console.print(f"The ratios as a picture: {drawn}", highlight=False)


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure what the policy costs and what the prefix engine saves."
    )
    made.add_argument("names", nargs="*", metavar="NAME", help=f"which to run, all by default: {', '.join(BENCHMARKS)}")
    made.add_argument("--model", default=NANO, help='"nano" (the default), a model folder, or a hub id')
    made.add_argument("--quick", action="store_true", help="small sizes, for a first look")
    made.add_argument(
        "--write-docs",
        action="store_true",
        help="run nothing; write the results in runs/bench into docs/performance.md",
    )
    return made


def measure(name: str, subject: Subject, *, quick: bool, progress: Progress) -> Result:
    """One benchmark's result."""
    benchmark = BENCHMARKS[name]
    sizes = benchmark.quick if quick else benchmark.full
    start = time.perf_counter()
    rows = benchmark.run(subject, sizes, progress)
    return Result(
        name=name,
        title=benchmark.title,
        reads=benchmark.reads,
        model=subject.model,
        quick=quick,
        seconds=time.perf_counter() - start,
        sizes=asdict(sizes),
        machine=describe_machine(),
        rows=rows,
    )


def _results() -> list[Result]:
    return [result for name in BENCHMARKS if (result := load(name, FOLDER)) is not None]


if __name__ == "__main__":
    try:
        main()
    except TrimpiError as error:
        sys.exit(f"error: {error}")
