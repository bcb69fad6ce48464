"""Policy Referral judged by a language model behind an endpoint, beside the exact judge or in its place. Torch-free.

Nothing that goes wrong with the endpoint ends the suite: what failed or could not be read is counted apart. Answers are
kept beside the suite's results, so that judging again, or going on after a kill, pays for none twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, TypeVar

from trimpi.errors import EndpointError
from trimpi.evaluation.derived import Derivation, completion_of
from trimpi.evaluation.question import SuiteSource
from trimpi.evaluation.referral import referral
from trimpi.evaluation.referral_judge import TOP_SCORE, agreement, read_referral_score, referral_prompt
from trimpi.evaluation.results import ExampleRecord
from trimpi.interval import mean_interval
from trimpi.recipe import ReferralJudgeConfig
from trimpi.rewards.response import read_response
from trimpi.sampling.endpoint import Answer, ChatRequest, Endpoint
from trimpi.sampling.endpoint.sampler import CUT_OFF
from trimpi.tasks.judging import reasoning_of
from trimpi.types import Completion, Example, JudgedStep, Judgement, Message

if TYPE_CHECKING:
    from trimpi.sampling.sampler import Progress

Spread = TypeVar("Spread")

ANSWERS_FILE = "referral_answers.jsonl"
TAG = "language model's score"
FAILED, UNREAD = "failed", "unread"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What the model said of one response, and the score read from it; without one, whether it failed or is unread."""

    score: float | None
    said: str
    missing: str | None = None
    kind: str = ""

    @property
    def tag(self) -> str:
        """The score as a whole number of points, or why there is none."""
        return self.missing or f"{round(self.score or 0):d}"


class ModelJudge:
    """A language model that judges the answers of one model; what it says is kept in `folder`."""

    def __init__(self, config: ReferralJudgeConfig, folder: Path) -> None:
        self._config = config
        self._endpoint = Endpoint(config, answers=folder / ANSWERS_FILE)

    def opinions(
        self, source: SuiteSource, records: Sequence[ExampleRecord], *, progress: Progress | None = None
    ) -> dict[str, Opinion]:
        """By the id of the record, of so many records as the recipe says, spread evenly."""
        chosen = spread(records, self._config.responses)
        answers = self._endpoint.attempt([self._request(source, record) for record in chosen], progress=progress)
        return {record.id: opinion_of(answer) for record, answer in zip(chosen, answers, strict=True)}

    def details(self, opinions: Mapping[str, Opinion], exact: Mapping[str, float]) -> dict[str, Any]:
        """The account of the opinions, and how far they agree with the `exact` scores by id, where there are any."""
        values = [opinion.score / TOP_SCORE for opinion in opinions.values() if opinion.score is not None]
        both = [(exact[name], opinion.score) for name, opinion in opinions.items() if name in exact]
        compared = [pair for pair in both if pair[1] is not None]
        failed = [opinion for opinion in opinions.values() if opinion.missing == FAILED]
        return {
            "model": self._config.model,
            "asked": len(opinions),
            "n": len(values),
            UNREAD: sum(opinion.missing == UNREAD for opinion in opinions.values()),
            FAILED: dict(sorted(Counter(opinion.kind for opinion in failed).items())),
            "failure": failed[-1].said if failed else None,
            "score": TOP_SCORE * fmean(values) if values else None,
            "score_interval": [TOP_SCORE * bound for bound in mean_interval(values)] if values else None,
            "agreement": asdict(agreement(*zip(*both, strict=True))) if compared else None,
            "usage": asdict(self._endpoint.usage),
        }

    def _request(self, source: SuiteSource, record: ExampleRecord) -> ChatRequest:
        policy = source.task.policies[record.policy]
        answer = read_response(record.completion).answer
        asked = referral_prompt(
            policy.sections, record.request, reasoning_of(record.completion) or "", answer or "(none)"
        )
        return ChatRequest(
            messages=(Message(role="user", parts=asked),), temperature=0.0, max_tokens=self._config.max_new_tokens
        )


def referral_by_model(
    source: SuiteSource, records: Sequence[ExampleRecord], judge: ModelJudge, *, progress: Progress | None = None
) -> Derivation:
    """The suite `referral` with the judge's opinion in every record that it was asked about.

    The exact judgement is what the records and the scores are made of; a task that has none is judged by the model.
    """
    opinions = judge.opinions(source, records, progress=progress)
    exact = referral(source, records)
    scores = {record.id: TOP_SCORE * record.value for record in exact.records}
    derived = exact if exact.records else _by_model_alone(source, records, opinions)
    return Derivation(
        records=[_with_opinion(record, opinions.get(record.id)) for record in derived.records],
        details={**derived.details, "language_model": judge.details(opinions, scores)},
    )


def opinion_of(answer: Answer | EndpointError) -> Opinion:
    """A judge's reply read; one that was cut off has no score, whatever it says on the way."""
    if isinstance(answer, EndpointError):
        return Opinion(score=None, said=str(answer), missing=FAILED, kind=answer.kind or "not set up")
    score = None if answer.finish_reason in CUT_OFF else read_referral_score(answer.text)
    return Opinion(score=score, said=answer.text.strip(), missing=UNREAD if score is None else None)


def spread(records: Sequence[Spread], number: int | None) -> list[Spread]:
    """So many of the records, at equal distances from the first on; all where there are no more, or with None."""
    if number is None or number >= len(records):
        return list(records)
    return [records[place * len(records) // number] for place in range(number)]


def _by_model_alone(
    source: SuiteSource, records: Sequence[ExampleRecord], opinions: Mapping[str, Opinion]
) -> Derivation:
    """A response is one step, right with all points."""
    asked = [record for record in records if record.id in opinions]
    judgements = {(record.id, record.completion): _judgement(record, opinions[record.id]) for record in asked}

    def judge(example: Example, completion: Completion) -> Judgement | None:
        return judgements[example.id, completion.text]

    return referral(source, asked, judge=judge)


def _judgement(record: ExampleRecord, opinion: Opinion) -> Judgement | None:
    if opinion.score is None:
        return None
    text = reasoning_of(completion_of(record).text) or ""
    if opinion.score == TOP_SCORE:
        return Judgement(score=TOP_SCORE, steps=(JudgedStep(text=text, verdict="right"),))
    step = JudgedStep(text=text, verdict="wrong", why=f"a language model gives {opinion.score:g} of {TOP_SCORE}")
    return Judgement(score=opinion.score, steps=(step,))


def _with_opinion(record: ExampleRecord, opinion: Opinion | None) -> ExampleRecord:
    if opinion is None:
        return record
    gives = f"gives {opinion.score:g} of {TOP_SCORE}" if opinion.score is not None else f"({opinion.missing})"
    return replace(
        record,
        reason=f"{record.reason}; the language model {gives}: {opinion.said}",
        tags={**record.tags, TAG: opinion.tag},
    )
