"""Whether two Python expressions have the same value; simpleeval evaluates them, within strict limits."""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from simpleeval import EvalWithCompoundTypes, InvalidExpression

MAX_CHARACTERS = 1000
MAX_DEPTH = 100
MAX_BITS = 4096
"""An integer on the way to the result is no longer than this, so that no single step takes long."""
MAX_COUNT = 1000
"""The largest argument of factorial, comb and perm, and the most digits round works with."""
RELATIVE_TOLERANCE = 1e-6
ABSOLUTE_TOLERANCE = 1e-9

GRAMMAR = (
    ast.Expr,
    ast.BinOp,
    ast.UnaryOp,
    ast.Call,
    ast.Attribute,
    ast.Name,
    ast.Constant,
    ast.List,
    ast.Tuple,
    ast.operator,
    ast.unaryop,
    ast.Load,
)
"""All an expression may be made of: no text, no comparison, no comprehension, no subscript, no keyword."""


def same_value(given: str, gold: str) -> bool:
    """Whether both expressions have one value, within the tolerances; expressions without a value must be one text."""
    given_value, gold_value = value_of(given), value_of(gold)
    if given_value is None or gold_value is None:
        return given.split() == gold.split()
    return math.isclose(given_value, gold_value, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)


def value_of(expression: str) -> float | None:
    """The value of a Python expression of numbers, operators and the functions of `math`.

    None when it is anything else, has no finite real value, or exceeds a limit. Runs no other code and never raises.
    """
    if len(expression) > MAX_CHARACTERS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(expression.strip(), mode="exec")
        if len(tree.body) != 1 or not _is_arithmetic(tree.body[0]):
            return None
        evaluator = EvalWithCompoundTypes(operators=OPERATORS, functions=dict(FUNCTIONS), names=NAMES)
        value = float(_number(evaluator.eval("", previously_parsed=tree.body[0])))
    except (InvalidExpression, ValueError, TypeError, ArithmeticError, SyntaxError, RecursionError, MemoryError):
        return None
    return value if math.isfinite(value) else None


def _is_arithmetic(statement: ast.stmt) -> bool:
    """Whether a statement keeps to GRAMMAR and MAX_DEPTH; only functions of FUNCTIONS are called."""
    level: list[ast.AST] = [statement]
    for _ in range(MAX_DEPTH):
        if not all(map(_is_allowed, level)):
            return False
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return True
    return False


def _is_allowed(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=value):
            return type(value) in (int, float)
        case ast.Attribute(value=ast.Name(id="math"), attr=name):
            return name in FUNCTIONS or name in CONSTANTS
        case ast.Attribute():
            return False
        case ast.Name(id=name):
            return name in FUNCTIONS or name in NAMES
        case ast.Call(func=ast.Name() | ast.Attribute(), keywords=[]):
            return True
        case ast.Call():
            return False
    return isinstance(node, GRAMMAR)


def _number(value: object) -> int | float:
    """`value` if it is a real number within MAX_BITS. Raises ValueError otherwise."""
    if type(value) is float or (type(value) is int and value.bit_length() <= MAX_BITS):
        return value
    raise ValueError("not a number within the limits")


def _bounded(function: Callable[..., Any]) -> Callable[..., int | float]:
    """`function` from numbers, or lists of them, to a number within the limits."""

    def bounded(*arguments: Any) -> int | float:
        for argument in arguments:
            for number in argument if isinstance(argument, list | tuple) else (argument,):
                _number(number)
        return _number(function(*arguments))

    return bounded


def _counting(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of integers up to MAX_COUNT: its work grows with their values, not with their lengths."""

    def counting(*arguments: int) -> Any:
        if max(map(abs, arguments)) > MAX_COUNT:
            raise ValueError("a count over the limit")
        return function(*arguments)

    return counting


def _power(base: int | float, exponent: int | float) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) > MAX_BITS:
        raise ValueError("a power over the limit")
    return base**exponent


def _rounded(number: int | float, digits: int = 0) -> int | float:
    if abs(digits) > MAX_COUNT:
        raise ValueError("more digits than the limit")
    return round(number, digits)


OPERATORS = {
    ast.Add: _bounded(operator.add),
    ast.Sub: _bounded(operator.sub),
    ast.Mult: _bounded(operator.mul),
    ast.Div: _bounded(operator.truediv),
    ast.FloorDiv: _bounded(operator.floordiv),
    ast.Mod: _bounded(operator.mod),
    ast.Pow: _bounded(_power),
    ast.USub: _bounded(operator.neg),
    ast.UAdd: _bounded(operator.pos),
}
CHEAP = (
    "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh degrees dist erf erfc exp exp2 expm1 fabs floor"
    " fmod fsum gamma gcd hypot isqrt lcm lgamma log log10 log1p log2 pow prod radians remainder sin sinh sqrt tan tanh"
    " trunc"
)
FUNCTIONS = {
    **{name: _bounded(getattr(math, name)) for name in CHEAP.split()},
    **{name: _bounded(_counting(getattr(math, name))) for name in ("factorial", "comb", "perm")},
    **{function.__name__: _bounded(function) for function in (abs, float, int, max, min, sum)},
    "pow": _bounded(_power),
    "round": _bounded(_rounded),
}
CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}
NAMES = {**CONSTANTS, "math": SimpleNamespace(**FUNCTIONS, **CONSTANTS)}
