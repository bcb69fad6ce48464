"""Answers of a model behind an OpenAI-compatible endpoint, each paid for once. Torch-free.

    ChatRequest --Endpoint: AnswerStore, else ChatClient with Pace and retries--> Answer

`EndpointSampler` is a `Sampler` on top; `Endpoint.complete` serves whoever has chat turns and wants text.
"""

from trimpi.sampling.endpoint.access import endpoint_access
from trimpi.sampling.endpoint.answers import Answer, AnswerStore, open_answers
from trimpi.sampling.endpoint.endpoint import Endpoint, Usage
from trimpi.sampling.endpoint.pacing import Clock
from trimpi.sampling.endpoint.requests import ChatRequest
from trimpi.sampling.endpoint.sampler import EndpointSampler

__all__ = [
    "Answer",
    "AnswerStore",
    "ChatRequest",
    "Clock",
    "Endpoint",
    "EndpointSampler",
    "Usage",
    "endpoint_access",
    "open_answers",
]
