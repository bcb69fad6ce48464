"""Rules no single module can keep: one direction, no torch where none is needed, nothing unsafe."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import trimpi

PACKAGE = Path(trimpi.__file__).parent
LAYERS = (
    ("errors", "types", "interval", "digest", "whole_files"),
    ("recipe",),
    ("policies", "rewards"),
    ("tasks", "rendering"),
    ("models",),
    ("prefix",),
    ("sampling",),
    ("cot",),
    ("stages", "evaluation", "synth"),
    ("run",),
    ("sweep",),
    ("reporting",),
    ("update",),
    ("serving",),
    ("cli",),
    ("__main__",),
)
"""From left to right: a module imports only from its own package and from layers to its left."""
LAYER_OF = {unit: number for number, units in enumerate(LAYERS) for unit in units}
TORCH_FREE = (
    "errors",
    "types",
    "interval",
    "digest",
    "whole_files",
    "recipe",
    "policies",
    "rewards",
    "tasks",
    "rendering.prompts",
    "evaluation.branching",
    "evaluation.break_even",
    "evaluation.break_even_report",
    "evaluation.efficiency_measurement",
    "evaluation.efficiency_result",
    "evaluation.filler",
    "evaluation.forgetting",
    "evaluation.harness",
    "evaluation.referral_judge",
    "evaluation.suites",
    "evaluation.timing",
    "evaluation.wording",
    "rendering.openai_chat",
    "sampling.endpoint",
    "cot",
    "reporting",
    "rendering.text_stream",
    "serving.app",
    "serving.commands",
    "serving.gate",
    "serving.images",
    "serving.source",
    "serving.tool_calls",
    "stages.flops",
    "synth",
    "update",
    "sweep.directory",
    "sweep.keys",
    "sweep.launch",
    "cli",
)


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name below `trimpi`; packages by their own name."""
    named = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


MODULES = modules()


def imported(path: Path) -> Iterator[str]:
    """The modules of `trimpi` a file imports, anywhere in it, as dotted names below `trimpi`."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name.removeprefix("trimpi.") for name in names if name.startswith("trimpi."))


def unit(module: str) -> str:
    return module.partition(".")[0]


def test_every_module_has_its_layer() -> None:
    assert {unit(module) for module in MODULES} - {""} <= set(LAYER_OF)


def test_modules_import_only_from_their_left() -> None:
    wrong = [
        f"{module} imports {target}"
        for module, path in MODULES.items()
        for target in imported(path)
        if unit(target) in LAYER_OF
        and unit(target) != unit(module)
        and LAYER_OF[unit(target)] >= LAYER_OF[unit(module)]
    ]
    assert not wrong


def test_torch_free_modules_import_no_torch() -> None:
    free = [name for name in MODULES if any(name == prefix or name.startswith(f"{prefix}.") for prefix in TORCH_FREE)]
    assert len(free) > len(TORCH_FREE)
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(f'trimpi.{name}')\n"
        "    if 'torch' in sys.modules: sys.exit(f'trimpi.{name} imports torch')\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *free], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_help_answers_within_a_second() -> None:
    """In processor time, so that other work on the machine does not count; it waits for nothing but its own imports."""
    before = os.times()
    done = subprocess.run([sys.executable, "-m", "trimpi", "--help"], capture_output=True, text=True)
    after = os.times()
    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    assert seconds < 1.0, f"trimpi --help took {seconds:.2f} s"


def test_nothing_runs_code_from_data() -> None:
    """No eval, exec, pickle, remote code, nor torch.load beyond plain weights."""
    assert not [f"{path}:{problem}" for path in MODULES.values() for problem in unsafe(ast.parse(path.read_text()))]


def unsafe(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            yield from (f"{node.lineno} imports {name}" for name in names if name in ("pickle", "dill", "cloudpickle"))
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if called in ("eval", "exec") or keywords.get("trust_remote_code", "False") != "False":
                yield f"{node.lineno} {called}"
            if called == "torch.load" and keywords.get("weights_only") != "True":
                yield f"{node.lineno} torch.load without weights_only=True"


@pytest.mark.parametrize(
    "line",
    [
        "eval(text)",
        "exec(text)",
        "import pickle",
        "from pickle import loads",
        "torch.load(file)",
        "f(trust_remote_code=True)",
        "f(trust_remote_code=chosen)",
    ],
)
def test_unsafe_code_would_be_found(line: str) -> None:
    assert list(unsafe(ast.parse(line)))


def test_safe_code_is_not_reported() -> None:
    assert not list(unsafe(ast.parse("model.eval()\ntorch.load(file, weights_only=True)\nf(trust_remote_code=False)")))
