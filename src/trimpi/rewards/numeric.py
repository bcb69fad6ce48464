"""Numbers compared within a tolerance."""

from __future__ import annotations

import math
import re

from trimpi.rewards.grade import Grade, Grader, right, wrong

NUMBER = re.compile(
    r"(?P<sign>[-+−])?\s?(?P<before>[$€£¥])?\s?(?P<digits>\d{1,30}(?:[,' ]\d{3}){0,8}(?:\.\d{1,30})?|\.\d{1,30})"
    r"(?:[eE](?P<exponent>[-+]?\d{1,3}))?\s?(?P<percent>%)?"
)


def read_number(text: str) -> float | None:
    """The one number of a text: "1,250.50", "$12", "3 %" (as 3), "about 7 days". None where there is none or several.

    A comma, an apostrophe or a space groups thousands; a point begins the decimals.
    """
    found = list(NUMBER.finditer(text))
    if len(found) != 1 or len(text) > 1000:
        return None
    digits = re.sub(r"[,' ]", "", found[0]["digits"])
    sign = -1.0 if found[0]["sign"] in ("-", "−") else 1.0
    value = sign * float(f"{digits}e{found[0]['exponent'] or 0}")
    return value if math.isfinite(value) else None


def grade_numeric(*, absolute: float, relative: float) -> Grader:
    """1 when the answer's one number is within `absolute`, or within `relative` of the gold number's size, whichever
    is more.
    """

    def grade(answer: str, gold: str) -> Grade:
        given, wanted = read_number(answer), read_number(gold)
        if wanted is None:
            return wrong(f"the gold answer {gold!r} does not hold exactly one number", "no_gold_number")
        if given is None:
            return wrong(f"{answer[:80]!r} does not hold exactly one number", "no_number")
        allowed = max(absolute, relative * abs(wanted))
        # Decimal fractions are not exact in binary: 0.1 off must pass where 0.1 is allowed.
        off = abs(given - wanted)
        if off <= allowed or math.isclose(off, allowed, rel_tol=1e-9, abs_tol=1e-12):
            return right()
        return wrong(f"{given:g} is {off:g} off {wanted:g}; allowed is {allowed:g}", "off")

    return grade
