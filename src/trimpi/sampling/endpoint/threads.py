"""Work done by several threads at once, which a process that ends does not wait for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from threading import Thread


class DaemonThreads:
    """`count` threads that do `work` for one item after the other. An executor's threads would keep the process alive
    until their calls are answered, whoever has given them up.
    """

    def __init__(self, work: Callable[[str], None], items: Iterable[str], *, count: int) -> None:
        self._work = work
        self._waiting = deque(items)
        self._number = len(self._waiting)
        self._ended: SimpleQueue[tuple[str, BaseException | None]] = SimpleQueue()
        self._threads = [Thread(target=self._run, daemon=True) for _ in range(min(count, self._number))]

    def ended(self) -> Iterator[str]:
        """Begin, and give every item as soon as its work has ended. Raises what the work raises."""
        for thread in self._threads:
            thread.start()
        for _ in range(self._number):
            item, error = self._ended.get()
            if error is not None:
                raise error
            yield item

    def finish(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._waiting.clear()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _run(self) -> None:
        while True:
            try:
                item = self._waiting.popleft()
            except IndexError:
                return
            error = None
            try:
                self._work(item)
            except BaseException as raised:  # whoever reads `ended` raises it
                error = raised
            self._ended.put((item, error))
