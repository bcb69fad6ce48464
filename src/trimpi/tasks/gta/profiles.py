"""Users for the items: account, credits and age, sampled so that every calling rule gets its share."""

from __future__ import annotations

import random

from trimpi.tasks.gta.items import ACCOUNT_TYPES, Profile
from trimpi.tasks.gta.rules import RuleBook

CREDIT_STEP = 10
"""Credits are multiples of this, 0 to 1000: round numbers often lie on a rule's bound, where mistakes are made."""
AGE_GROUPS = ((10, 20), (21, 59), (60, 90))
"""Ages from and to, equally likely groups: few users would be under 21 or over 60 otherwise."""
MOST_TRIES = 10_000


def sample_profile(rng: random.Random) -> Profile:
    """A user whose account, credits and age do not depend on each other."""
    return Profile(
        account_type=rng.choice(ACCOUNT_TYPES),
        credits=rng.randrange(0, 1000 + CREDIT_STEP, CREDIT_STEP),
        age=rng.randint(*rng.choice(AGE_GROUPS)),
    )


class ProfileDealer:
    """Users for calls, so that the cases of a tool's rules take turns: each rule, and each version it can give."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book
        self._dealt: dict[str, int] = {}

    def deal(self, tool: str, rng: random.Random) -> Profile:
        """The user of the next call of `tool`: one whom the tool's next case applies to."""
        cases = [(rule.id, version) for rule in self._book.rules_of(tool) for version in rule.versions]
        number = self._dealt.get(tool, 0)
        self._dealt[tool] = number + 1
        profile = sample_profile(rng)
        if not cases:
            return profile
        wanted = cases[number % len(cases)]
        # A case that no user can be in (a bound nobody has, say) must not keep us here for ever.
        for _ in range(MOST_TRIES):
            version, rule = self._book.version_of(tool, profile)
            if rule is not None and (rule.id, version) == wanted:
                break
            profile = sample_profile(rng)
        return profile
