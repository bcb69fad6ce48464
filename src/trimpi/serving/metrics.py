"""What a server counts, for Prometheus. Torch-free. No text of a request or an answer is ever part of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


class Metrics:
    """One server's. `state` is asked for its gauges whenever they are read."""

    def __init__(self, state: Callable[[], Mapping[str, int]]) -> None:
        self._registry = CollectorRegistry()

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"trimpi_{name}", about, labels, registry=self._registry)

        def histogram(name: str, about: str) -> Histogram:
            return Histogram(f"trimpi_{name}", about, registry=self._registry, buckets=SECONDS)

        self.requests = counter("requests", "Requests answered, by path and HTTP status", "path", "status")
        self.request_seconds = histogram("request_seconds", "Seconds from a chat request to the end of its response")
        self.first_text_seconds = histogram(
            "first_text_seconds", "Seconds from a chat request to the first of its text"
        )
        self.prompt_tokens = counter("prompt_tokens", "Tokens of prompts that were accepted, images included")
        self.completion_tokens = counter("completion_tokens", "Tokens written")
        self.images = counter("images", "Images accepted")
        for name, about in {
            "running": "Answers being written",
            "waiting": "Answers that wait for a place",
            "waves": "Groups of answers that are written together",
        }.items():
            gauge = Gauge(f"trimpi_{name}", about, registry=self._registry)
            gauge.set_function(lambda name=name: state()[name])  # type: ignore[misc]

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)
