"""Freed memory stays with the process, where glibc can be told so."""

import subprocess
import sys

import pytest

from weakseg.training import allocator

BLOCKS = """
import resource, numpy, sys
from weakseg.training.allocator import keep_memory
kept = sys.argv[1] == "keep" and keep_memory()
for _ in range(21):
    numpy.ones(20 << 20, numpy.uint8)
    if not _: start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(int(kept), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start)
"""
"""Twenty times a block of 20 MB, after a first one: pages that were new."""


def faults(word: str) -> tuple[int, int]:
    """Whether memory is kept, and how often a page was new."""
    done = subprocess.run([sys.executable, "-c", BLOCKS, word], capture_output=True, text=True, check=True)
    kept, count = map(int, done.stdout.split())
    return kept, count


def test_blocks_that_were_freed_are_used_again() -> None:
    kept, count = faults("keep")
    assert count < faults("leave")[1] / 5 if kept else count > 0


def test_the_users_own_variables_of_malloc_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    assert not allocator.keep_memory()


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not allocator.keep_memory()
