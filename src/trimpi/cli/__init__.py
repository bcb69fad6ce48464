"""The command line. Commands load what they need when they run, so that `trimpi --help` answers at once."""

from __future__ import annotations

import os

import typer

from trimpi.cli.chat import chat
from trimpi.cli.check import check
from trimpi.cli.compare import compare
from trimpi.cli.cot import cot
from trimpi.cli.data import data
from trimpi.cli.evaluate import evaluate
from trimpi.cli.export import export
from trimpi.cli.failures import reported
from trimpi.cli.init import init
from trimpi.cli.report import report
from trimpi.cli.run import run
from trimpi.cli.serve import serve
from trimpi.cli.sweep import sweep
from trimpi.cli.synth import synth
from trimpi.cli.update import update, versions

app = typer.Typer(
    name="trimpi",
    help="Internalize a policy document into a vision-language model: it follows the policy without it in the prompt.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("init")(reported(init))
app.command("run")(reported(run))
app.command("check")(reported(check))
app.add_typer(data, name="data")
app.add_typer(synth, name="synth")
app.command("cot")(reported(cot))
app.command("eval")(reported(evaluate))
app.command("report")(reported(report))
app.command("sweep")(reported(sweep))
app.command("update")(reported(update))
app.command("versions")(reported(versions))
app.command("compare")(reported(compare))
app.command("chat")(reported(chat))
app.command("export")(reported(export))
app.command("serve")(reported(serve))


def main() -> None:
    """The `trimpi` command."""
    # TRL and the hub client report their use to a server unless told not to.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    app()
