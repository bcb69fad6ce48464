"""The images of a page's records, each in the page once."""

from __future__ import annotations

from pathlib import Path

from trimpi.reporting.images import small_image_data_uri


class Pictures:
    """Numbered data URIs: an image has one number however many requests, or files, show it.

    Relative paths are relative to `folder`, the run's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers: dict[str, int | None] = {}
        self._of_uri: dict[str, int] = {}

    @property
    def uris(self) -> list[str]:
        return list(self._of_uri)

    def number(self, image: str) -> int | None:
        """The image's number; None when there is no readable image."""
        if image not in self._numbers:
            # A path written relative is relative to the run; an absolute one stays as it is.
            uri = small_image_data_uri(self._folder / image)
            self._numbers[image] = None if uri is None else self._of_uri.setdefault(uri, len(self._of_uri))
        return self._numbers[image]

    def uri(self, number: int) -> str:
        return self.uris[number]
