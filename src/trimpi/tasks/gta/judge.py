"""The exact judge of rationales under GTAPolicy: line by line against the rules and the item (paper, Policy Referral).

A line has one verdict; the first of these that fails is its error.

- A check of the profile: `format` when it cannot be read; `recall` when no rule on the tool that is due asks it, or its
  opposite; `branching` when an earlier line settled it; `perception` when the profile has another value or the verdict
  is wrong for it. In which order the rules are gone through does not matter.
- The check for mathematical expressions: `perception` for a wrong verdict, `branching` when the tool named does not
  follow from the verdict. So for k and an open-ended question, where the gold call says what the question is.
- A box from TextToBbox: `perception` when no past call returned it.
- The call, the last line of its form: `recall` when there is no such tool or version; `branching` when it is not the
  tool that is due, or not the version that the verdicts stated before lead to, or they lead to none yet; `format` when
  it is not the boxed call.

The tool that is due is the gold call's; between the two of the rule on mathematical images, the one that the stated
verdict leads to. A wrong verdict is judged onward as stated; where the verdicts rule out every version, any may follow.
A rationale that names no call gets one more step for it, without text, of kind `format`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from trimpi.rewards.tool_call import read_call
from trimpi.tasks.gta.items import Item
from trimpi.tasks.gta.rationale import write_rationale
from trimpi.tasks.gta.reading import BoxSource, MathCheck, NamedCall, OpenCheck, ProfileCheck, Read, read_line
from trimpi.tasks.gta.request import gold_call
from trimpi.tasks.gta.rules import TIP_BOX, TIP_RESULTS, AccountIn, Condition, RuleBook, VersionRule
from trimpi.tasks.gta.tools import split_version, versioned
from trimpi.tasks.judging import Fault, clip, conclude, judged, plain
from trimpi.types import JudgedStep, Judgement

OPEN_ENDED_K = {True: "4", False: "1"}


@dataclass(kw_only=True)
class _State:
    """What the lines so far said: the conditions they settled, and whether the image shows mathematical expressions."""

    item: Item
    book: RuleBook
    answer: str | None
    known: dict[Condition, bool] = field(default_factory=dict)
    maths: bool | None = None

    @property
    def due(self) -> Sequence[str]:
        """The tools of which one is to be called."""
        tool, _ = split_version(gold_call(self.item, self.book).tool)
        rule = self.book.math_rule
        if rule is None or tool not in (rule.tool, rule.instead):
            return (tool,)
        return {None: (rule.tool, rule.instead), True: (rule.instead,), False: (rule.tool,)}[self.maths]

    @property
    def rules(self) -> Sequence[VersionRule]:
        return [rule for tool in self.due for rule in self.book.rules_of(tool)]


def judge_rationale(reasoning: str | None, item: Item, book: RuleBook, answer: str | None) -> Judgement:
    """Judge a rationale against the rules of a book and its item; the score is `judging.conclude`'s.

    `answer` is what the completion boxed (None: nothing). The steps' `section` is the id of the rule that a line is
    about. Takes time linear in the text. Raises DataError as `gold_call` does.
    """
    lines = [(line.strip(), read_line(line)) for line in (reasoning or "").splitlines() if line.strip()]
    calls = [number for number, (_, read) in enumerate(lines) if isinstance(read, NamedCall)]
    state = _State(item=item, book=book, answer=answer)
    steps = [
        _judge(text, None if isinstance(read, NamedCall) and number != calls[-1] else read, state)
        for number, (text, read) in enumerate(lines)
    ]
    if not calls:
        steps.append(judged("", ("format", "it names no call" if steps else "there is no reasoning")))
    gold = [read_line(line) for line in write_rationale(item, book).splitlines()]
    return conclude(steps, gold_steps=sum(read is not None for read in gold))


def _judge(text: str, read: Read | None, state: _State) -> JudgedStep:
    match read:
        case ProfileCheck():
            return _judge_check(text, read, state)
        case MathCheck() if state.book.math_rule is not None:
            fault = _fault_of_maths(read, state)
            state.maths = read.verdict
            return judged(text, fault, section=state.book.math_rule.id)
        case OpenCheck() if str(state.item.call.arguments.get("k")) in OPEN_ENDED_K.values():
            return judged(text, _fault_of_k(read, state), section=TIP_RESULTS)
        case BoxSource():
            return judged(text, _fault_of_box(read, state), section=TIP_BOX)
        case NamedCall():
            return judged(text, _fault_of_call(read.name, state))
        case _:
            return JudgedStep(text=text, verdict="unread")


def _judge_check(text: str, check: ProfileCheck, state: _State) -> JudgedStep:
    if check.condition is None:
        return judged(text, ("format", "it is not a question with Yes or No"))
    condition, opposite = check.condition, check.condition.opposite
    asking = [rule.id for rule in state.rules if {condition, opposite} & {*rule.conditions, rule.decider}]
    fault = _fault_of_check(check, condition, asking, state)
    state.known[condition], state.known[opposite] = check.verdict, not check.verdict
    return judged(text, fault, section=asking[0] if asking else None)


def _fault_of_check(check: ProfileCheck, condition: Condition, asking: Collection[str], state: _State) -> Fault | None:
    if not asking:
        return "recall", f"no rule on {' or '.join(state.due)} asks this"
    if condition in state.known:
        return "branching", "it was settled before"
    profile = state.item.profile
    quantity = "account_type" if isinstance(condition, AccountIn) else condition.quantity
    if check.value != str(getattr(profile, quantity)).casefold():
        return "perception", f"the profile says {getattr(profile, quantity)}"
    if check.verdict != condition.holds(profile):
        return "perception", f"the answer is {'Yes' if condition.holds(profile) else 'No'}"
    return None


def _fault_of_maths(check: MathCheck, state: _State) -> Fault | None:
    rule = state.book.math_rule
    assert rule is not None
    showing = {plain(name) for name in state.item.math_images}
    if split_version(gold_call(state.item, state.book).tool)[0] == rule.instead:
        showing.add(plain(str(state.item.call.arguments.get("image"))))
    if check.verdict != (check.image in showing):
        return "perception", f"the answer is {'Yes' if check.image in showing else 'No'}"
    following = rule.instead if check.verdict else rule.tool
    return None if check.tool == plain(following) else ("branching", f"{following} follows")


def _fault_of_k(check: OpenCheck, state: _State) -> Fault | None:
    open_ended = str(state.item.call.arguments["k"]) == OPEN_ENDED_K[True]
    if check.verdict != open_ended:
        return "perception", f"the answer is {'Yes' if open_ended else 'No'}"
    return None if check.k == OPEN_ENDED_K[open_ended] else ("branching", f"k = {OPEN_ENDED_K[open_ended]} follows")


def _fault_of_box(source: BoxSource, state: _State) -> Fault | None:
    for past in state.item.history:
        if split_version(past.call.tool)[0] == "TextToBbox" and source.box in plain(past.returned):
            return None
    return "perception", f"TextToBbox did not return {clip(source.box)}"


def _fault_of_call(name: str, state: _State) -> Fault | None:
    called = next((call for call in _calls(state.book) if plain(call) == name), None)
    if called is None:
        return "recall", f"there is no tool {clip(name)}"
    tool, version = split_version(called)
    if tool not in state.due:
        return "branching", f"{' or '.join(state.due)} was due"
    if len(state.due) > 1:
        return "branching", "it was not asked whether the image shows mathematical expressions"
    versions = _versions_due(state.book.rules_of(tool), state.known) if version is not None else None
    if versions is not None and version not in versions:
        names = " or ".join(versioned(tool, due) for due in sorted(versions))
        return "branching", f"{names} follows" if names else "the checks before lead to no version yet"
    return _fault_of_answer(called, state.answer)


def _fault_of_answer(called: str, answer: str | None) -> Fault | None:
    given = read_call(answer) if answer is not None else "nothing"
    if isinstance(given, str):
        return "format", f"the boxed answer is no call: {given[:80]}"
    return None if given.name == called else ("format", f"the boxed call is {clip(given.name)}")


def _calls(book: RuleBook) -> Sequence[str]:
    """Every name a call may have."""
    return [
        versioned(tool.name, version)
        for tool in book.tools
        for version in (range(1, tool.versions + 1) if tool.versions else (None,))
    ]


def _versions_due(rules: Sequence[VersionRule], known: dict[Condition, bool]) -> set[int] | None:
    """The versions that settled conditions lead to: empty when something is still open, None when all are ruled out."""
    versions: set[int] = set()
    is_open = False
    for rule in rules:
        verdicts = [known.get(condition) for condition in rule.conditions]
        if False in verdicts:
            continue
        chosen = True if rule.decider is None else known.get(rule.decider)
        if None in verdicts or chosen is None:
            is_open = True
        else:
            versions.add(rule.version if chosen or rule.otherwise is None else rule.otherwise)
    return versions if versions or is_open else None
