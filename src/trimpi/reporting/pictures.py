"""The images of a page's records, each in the page once."""

from __future__ import annotations

from pathlib import Path

from trimpi.reporting.images import small_image_data_uri

MOST_BYTES = 6_000_000
"""Of all images together: a page of records without their images still tells more than a few with them."""


class Pictures:
    """Numbered data URIs: an image has one number however many requests, or files, show it.

    Relative paths are relative to `folder`, the run's. Once the images hold `most_bytes`, no more are added: these are
    `left_out`.
    """

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self.uris: list[str] = []
        self.left_out: set[str] = set()
        self._folder = folder
        self._room = most_bytes
        self._numbers: dict[str, int | None] = {}
        self._of_uri: dict[str, int] = {}

    def number(self, image: str) -> int | None:
        """The image's number; None when there is no readable image, or no room for it."""
        if image in self._numbers:
            return self._numbers[image]
        if self._room <= 0:
            self.left_out.add(image)
            return None
        # A path written relative is relative to the run; an absolute one stays as it is.
        uri = small_image_data_uri(self._folder / image)
        self._numbers[image] = None if uri is None else self._add(uri)
        return self._numbers[image]

    def uri(self, number: int) -> str:
        return self.uris[number]

    def _add(self, uri: str) -> int:
        if uri not in self._of_uri:
            self._of_uri[uri] = len(self.uris)
            self.uris.append(uri)
            self._room -= len(uri)
        return self._of_uri[uri]
