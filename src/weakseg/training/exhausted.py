"""Memory that runs out, on the processor or a GPU: told from other errors, and answered by smaller batches.

Nothing heavy is imported here: the command line asks, too.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Generic, TypeVar

from weakseg.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

_WORDS = (
    "can't allocate memory",  # torch on the processor
    "cannot allocate memory",  # the system: ENOMEM
    "out of memory",  # torch on a GPU, CUDA, the system
    "outofmemoryerror",
    "memoryerror",  # one of these from a data worker, whose type torch could not keep
    "unable to allocate",  # numpy
    "insufficient memory",  # OpenCV
    "out of shared memory",
    "failed to allocate memory",  # onnxruntime
    "alloc_failed",  # cuBLAS and cuDNN
    "bad_alloc",  # C++
    "bad allocation",
)


class OutOfMemory(InputError):
    """What was asked for does not fit into memory."""


def ran_out(error: BaseException) -> bool:
    """Whether an error says that memory ran out: libraries share no type for it, so that most are known by a word."""
    if isinstance(error, InputError):
        return False
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return any(word in text for word in _WORDS)


def on_image(name: str, advice: str) -> AbstractContextManager[None]:
    """`told_of_memory` for what is computed of one image: its name, and what to do."""
    return told_of_memory(lambda: f"memory ran out on the image {name}: {advice}, or give more memory.")


@contextmanager
def told_of_memory(sentence: Callable[[], str]) -> Iterator[None]:
    """One sentence where memory runs out.

    Args:
        sentence: made when it does.

    Raises:
        OutOfMemory: in place of the library's error.
    """
    try:
        yield
    except Exception as error:
        if not ran_out(error):
            raise
        raise OutOfMemory(sentence()) from error


class Halving(Generic[Item, Result]):
    """Computes many items at once, and fewer where memory runs out; the number that fits is kept.

    Args:
        compute: items → one result for each, in their order; an item's result must not depend on the others.
        what: an item's name, for messages: `image`.
        advice: what to do where a single item does not fit.
    """

    def __init__(self, compute: Callable[[Sequence[Item]], Sequence[Result]], what: str, advice: str) -> None:
        self._compute, self._what, self._advice = compute, what, advice
        self._most: int | None = None

    def __call__(self, items: Sequence[Item]) -> list[Result]:
        """The results of all items.

        Raises:
            OutOfMemory: memory ran out on a single one.
        """
        results: list[Result] = []
        while len(results) < len(items):
            part = items[len(results) :][: self._most]
            if (found := self._tried(part)) is None:
                self._most = len(part) // 2
                _say(f"memory ran out on {len(part)} {self._what}s at once; going on with {self._most}")
            else:
                results += found
        return results

    def _tried(self, part: Sequence[Item]) -> Sequence[Result] | None:
        """The results, or `None` where memory ran out; the error, which holds on to tensors, ends here."""
        try:
            return self._compute(part)
        except Exception as error:
            if not ran_out(error):
                raise
            if len(part) == 1:
                raise OutOfMemory(
                    f"memory ran out on a single {self._what}: {self._advice}, or give more memory."
                ) from error
        _release()
        return None


def _release() -> None:
    """Give what torch keeps of a GPU's memory back: the next batch has another shape."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
