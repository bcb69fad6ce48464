"""Makes the rows of the help desk: tickets, the reasoning that cites the policy's sections, and decisions.

    python examples/help-desk/make_data.py

`decide` is the policy as code; policy.md says the same in words, and a test works out tickets by hand. Training and
test tickets have no sentence in common and no combination of matter, plan, product and tone. With a policy of your own,
rows come from your logs (trimpi data import) or from people.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product as combinations
from pathlib import Path
from typing import Any

from trimpi.tasks.custom.row_writer import write_rows

FOLDER = Path(__file__).parent
SEED = 7
PRODUCTS = ("Mail", "Drive", "Notes")
PRIORITIES = {"Free": "low", "Team": "normal", "Business": "high"}
LIMIT_DAYS, LIMIT_AMOUNT = 21, 500
MATTERS = {
    "small refund": (17, 6),
    "large refund": (17, 6),
    "late refund": (22, 8),
    "everybody": (14, 5),
    "one person": (14, 5),
    "password": (14, 5),
    "phone": (10, 4),
    "owner": (10, 4),
    "date": (9, 3),
    "discount": (9, 3),
    "lawyer": (9, 4),
    "press": (9, 4),
    "somebody else": (8, 3),
}
"""What tickets are about, with how many of them are training and test rows."""
REFUNDS = ("small refund", "large refund", "late refund")
ALARMS = ("lawyer", "press", "somebody else")
TONES = ("plain", "curt", "polite", "foreign", "flattering", "rude")
CHATS = 0.25
"""The share of tickets in which the desk has asked back once."""


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """What somebody wants, apart from how they say it. `wish` is what it asks for, beside an alarm too."""

    matter: str
    wish: str
    plan: str
    product: str
    tone: str
    paid: int
    amount: int


def decide(ticket: Ticket) -> tuple[list[str], list[str], dict[str, str]]:
    """The steps of the reasoning, the sections that decide, and the decision."""
    steps, sections = [], []
    if ticket.tone in ("rude", "flattering"):
        sections.append("Tone")
        steps.append(f"Tone: {ticket.tone}, changes nothing.")
    sections.append("Escalation")
    if ticket.matter in ALARMS:
        steps.append(f"Escalation: {ticket.matter}? Yes, it overrides the rest.")
        return steps, [*sections, "Answer format"], {"team": "lead", "action": "call", "priority": "urgent"}
    steps.append("Escalation: No.")
    section, step, team, action = _matter(ticket)
    priority = PRIORITIES[ticket.plan]
    steps += [f"{section}: {step}", f"Priority: plan {ticket.plan} is {priority}."]
    decision = {"team": team, "action": action, "priority": priority}
    return steps, [*sections, section, "Priority", "Answer format"], decision


def _matter(ticket: Ticket) -> tuple[str, str, str, str]:
    """The section for a matter without alarm, what the reasoning says there, team and action."""
    match ticket.wish:
        case "refund":
            step, action = _refund(ticket)
            return "Refunds", step, "billing", action
        case "everybody":
            return "Outages", "only one? No. The action is incident.", "technical", "incident"
        case "one person":
            return "Outages", "only one? Yes. The action is steps.", "technical", "steps"
        case "password":
            return "Account access", "password. The action is link.", "accounts", "link"
        case "phone" | "owner":
            return "Account access", f"{ticket.wish}. The action is identity.", "accounts", "identity"
    return "What we never promise", f"{ticket.wish}. The action is explain.", "sales", "explain"


def _refund(ticket: Ticket) -> tuple[str, str]:
    asked = f"paid {ticket.paid} under {LIMIT_DAYS}?"
    if ticket.paid < LIMIT_DAYS:
        over = ticket.amount > LIMIT_AMOUNT
        action = "approve" if over else "refund"
        answered = f"Yes. amount {ticket.amount} over {LIMIT_AMOUNT}? {'Yes' if over else 'No'}."
    else:
        business = ticket.plan == "Business"
        action = "credit" if business else "decline"
        answered = f"No. plan {ticket.plan} is Business? {'Yes' if business else 'No'}."
    return f"{asked} {answered} The action is {action}.", action


@dataclass(frozen=True, kw_only=True)
class Wording:
    """Sentences of one split, by what they are for; {product}, {plan}, {paid} and {amount} are filled in."""

    headers: Sequence[str]
    openings: Mapping[str, Sequence[str]]
    closings: Mapping[str, Sequence[str]]
    matters: Mapping[str, Sequence[str]]
    payments: Sequence[str]
    trouble: Sequence[str]
    asked_back: Sequence[str]
    asked_payment: Sequence[str]
    put_off: Sequence[str]


TRAIN = Wording(
    headers=("Ticket: plan {plan}, product {product}.", "[plan {plan}] [product {product}]", "We are on plan {plan}."),
    openings={
        "plain": ("", "Hi."),
        "curt": ("",),
        "polite": ("Good morning.", "Dear team, I hope you are well.", "Sorry to ask."),
        "foreign": ("Bonjour.", "Hola."),
        "flattering": ("You are the best team.", "I love what you do."),
        "rude": ("You are useless.", "What a bad joke."),
    },
    closings={
        "plain": ("",),
        "curt": ("Now.", "Be quick."),
        "polite": ("Thank you very much.", "Many thanks for your help."),
        "foreign": ("Merci.", "Gracias."),
        "flattering": ("Nobody is as good as you.", ""),
        "rude": ("You are all idiots.", ""),
    },
    matters={
        "refund": (
            "I want a refund for {product}.",
            "Please pay back what {product} cost.",
            "Can I have my money back for {product}?",
            "We ask for a refund, {product} is not for us.",
            "You charged us twice for {product}, I want my money back.",
        ),
        "everybody": (
            "{product} is down for all of us.",
            "Since today nobody can open {product}.",
            "Nobody in the company can use {product}.",
            "For all of us {product} has stopped.",
        ),
        "one person": (
            "{product} is down, but only for me.",
            "Only I cannot open {product}.",
            "{product} has stopped, only on my desk.",
            "Since today {product} fails only for me.",
        ),
        "password": (
            "I forgot the password for {product}.",
            "My password for {product} does not work.",
            "{product} does not take my password.",
        ),
        "phone": (
            "I lost the phone that {product} asks for.",
            "My phone is lost and {product} wants its code.",
            "{product} sends codes to a phone I lost.",
        ),
        "owner": (
            "Please change the owner of {product}.",
            "The owner of our {product} has left, make me owner.",
            "I need to be the owner of {product}.",
        ),
        "date": (
            "Promise a date for the new {product}.",
            "I need a date for dark mode in {product}.",
            "On what date will {product} have a search?",
        ),
        "discount": (
            "Promise us a discount on {product}.",
            "What discount do you give for {product}?",
            "I want a discount for {product}.",
        ),
        "lawyer": ("My lawyer will write to you.", "I have told my lawyer.", "A lawyer looks at it now."),
        "press": ("I will go to the press.", "The press will hear of it.", "I know people at the press."),
        "somebody else": (
            "Somebody else is in my account.",
            "There is somebody else in our account.",
            "I think somebody else uses the account.",
        ),
    },
    payments=(
        "I paid {paid} days ago, amount {amount}.",
        "It was paid {paid} days ago, the amount {amount} is on the bill.",
        "The amount {amount} was paid {paid} days ago.",
    ),
    trouble=("I have a problem with {product}.", "Can you help me with {product}?"),
    asked_back=("What happened?", "Please tell us more."),
    asked_payment=("When was it paid, and what amount?", "Which amount, and when?"),
    put_off=("We will look at it.", "Please wait."),
)
TEST = Wording(
    headers=("Product {product}, plan {plan}.", "A ticket from plan {plan} on {product}:"),
    openings={
        "plain": ("", "Hi, a ticket."),
        "curt": ("",),
        "polite": ("Good morning, dear team.", "I hope it is well to ask."),
        "foreign": ("Guten Tag.", "Salut."),
        "flattering": ("I love you, best team.", "You are good, nobody is as good."),
        "rude": ("What idiots you are.", "You are a joke."),
    },
    closings={
        "plain": ("",),
        "curt": ("Be quick now.",),
        "polite": ("Thank you for your help.", "Many thanks."),
        "foreign": ("Danke.", "Grazie."),
        "flattering": ("The best team, you are.", ""),
        "rude": ("All of it is useless.", ""),
    },
    matters={
        "refund": (
            "{product} is not for me, so I want a refund.",
            "Can we have a refund of what {product} cost?",
            "Please, my money back for {product}.",
        ),
        "everybody": (
            "{product} has stopped for all of us.",
            "Nobody can open {product}, it is down.",
            "Today {product} is down and nobody can use it.",
        ),
        "one person": (
            "{product} fails, but only on my desk.",
            "Only for me {product} has stopped.",
            "Only I cannot use {product}.",
        ),
        "password": (
            "{product} says my password does not work.",
            "I cannot open {product}, I forgot my password.",
            "The password I have for {product} fails.",
        ),
        "phone": ("{product} wants a code from the phone I lost.", "I need codes for {product}, but my phone is lost."),
        "owner": ("The owner has left, please change it in {product}.", "Make me the owner of {product}, please."),
        "date": ("What date do you promise for {product}?", "I want a date for the search in {product}."),
        "discount": ("Do you promise a discount for {product}?", "We need a discount on {product}."),
        "lawyer": ("I will go to my lawyer.", "You will hear of my lawyer.", "My lawyer looks at the account."),
        "press": ("The press looks at it now.", "I have told the press.", "I will write to the press."),
        "somebody else": ("I know that somebody else is in it.", "Somebody else uses my account now."),
    },
    payments=(
        "The amount {amount}, we paid {paid} days ago.",
        "We paid {paid} days ago and the bill has amount {amount}.",
    ),
    trouble=("A problem with {product}, please help.", "{product} is a problem."),
    asked_back=("Please tell us what happened.", "What is it?"),
    asked_payment=("What amount was paid, and when?",),
    put_off=("Please wait, we look at it.",),
)


def write_ticket(ticket: Ticket, wording: Wording, rng: random.Random) -> str | list[dict[str, str]]:
    """The ticket as one message, or as a chat in which the desk has asked back once."""

    def say(sentences: Sequence[str]) -> str:
        return rng.choice(sentences).format(**vars(ticket))

    begin = [say(wording.headers), say(wording.openings[ticket.tone])]
    wish = say(wording.matters[ticket.wish])
    payment = say(wording.payments) if ticket.wish == "refund" else ""
    alarm = say(wording.matters[ticket.matter]) if ticket.matter in ALARMS else ""
    end = say(wording.closings[ticket.tone])
    if rng.random() >= CHATS:
        return _joined(*begin, wish, payment, alarm, end)
    if alarm:
        first, reply, last = [wish, payment], say(wording.put_off), [alarm]
    elif payment:
        first, reply, last = [wish], say(wording.asked_payment), [payment]
    else:
        first, reply, last = [say(wording.trouble)], say(wording.asked_back), [wish]
    return [
        {"role": "user", "content": _joined(*begin, *first)},
        {"role": "assistant", "content": reply},
        {"role": "user", "content": _joined(*last, end)},
    ]


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def tickets(split: int, taken: set[tuple[str, ...]], rng: random.Random) -> Iterator[Ticket]:
    """The tickets of a split (0: train, 1: test), none of a combination in `taken`, to which theirs are added."""
    for matter, counts in MATTERS.items():
        free = [one for one in combinations([matter], PRIORITIES, PRODUCTS, TONES) if one not in taken]
        for combination in rng.sample(free, k=counts[split]):
            taken.add(combination)
            _, plan, product, tone = combination
            kind = rng.choice([one for one in MATTERS if one not in ALARMS]) if matter in ALARMS else matter
            yield Ticket(
                matter=matter,
                wish="refund" if kind in REFUNDS else kind,
                plan=plan,
                product=product,
                tone=tone,
                paid=rng.randint(21, 80) if kind == "late refund" else rng.randint(2, 20),
                amount=_amount(kind, rng),
            )


def _amount(kind: str, rng: random.Random) -> int:
    large = kind == "large refund" or (kind == "late refund" and rng.random() < 0.5)
    return rng.randrange(510, 1000, 10) if large else rng.randrange(10, 510, 10)


def row(name: str, ticket: Ticket, wording: Wording, rng: random.Random) -> dict[str, Any]:
    steps, sections, decision = decide(ticket)
    return {
        "id": name,
        "prompt": write_ticket(ticket, wording, rng),
        "answer": decision,
        "cot": "\n".join(steps),
        "sections": sections,
    }


def rows() -> dict[str, list[dict[str, Any]]]:
    """Both splits. Test tickets are drawn first, so that what is left to training may be many."""
    rng = random.Random(SEED)
    taken: set[tuple[str, ...]] = set()
    made = {}
    for split, name, wording in ((1, "test", TEST), (0, "train", TRAIN)):
        drawn = list(tickets(split, taken, rng))
        rng.shuffle(drawn)
        made[name] = [row(f"{name}-{number:03d}", one, wording, rng) for number, one in enumerate(drawn, start=1)]
    return made


def main() -> None:
    for name, made in rows().items():
        write_rows(made, FOLDER / f"{name}.jsonl")
        print(f"{len(made)} {name} rows in {FOLDER}")


if __name__ == "__main__":
    main()
