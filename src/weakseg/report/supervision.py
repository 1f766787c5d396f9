"""The supervision ledger in words, for the page and the report."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weakseg.report.ledger import MASKS, UNKNOWN, Ledger, Source

PIXELS = {
    True: "So pixel labels were used.",
    False: "No pixel labels were used anywhere.",
    None: "Whether pixel labels were used is not known.",
}


def sentence_of(found: Ledger | Mapping[str, Any]) -> str:
    """What a run learnt from, in a few short sentences.

    Args:
        found: the ledger, or its values as `evaluation/supervision.json` has them.
    """
    if isinstance(found, Ledger):
        return " ".join([*_parts(found.sources), PIXELS[found.pixel_labels]])
    sources = [Source(**each) for each in found["sources"]]
    return sentence_of(Ledger(found["line"], found["pixel_labels"], sources))


def _parts(sources: Sequence[Source]) -> Iterator[str]:
    if any(source.role == "segmenter" and source.trained_on == MASKS for source in sources):
        yield f"The segmenter was trained on {MASKS}."
    elif not any(source.role == "attention" and source.labels != "image" for source in sources):
        yield "Trained on image labels."
    told = [_of_source(source) for source in sources]
    yield from dict.fromkeys(text for text in told if text)


def _of_source(source: Source) -> str:
    """A sentence on a network or file from outside; empty for what was trained in this run."""
    role, trained_on = source.role, source.trained_on
    if role.endswith(" corrections"):
        return f"People drew {trained_on}."
    if role.endswith(" start"):
        subject = "Networks started from weights"
    elif role == "saliency" or (role == "attention" and source.labels != "image"):
        subject = f"The {role} maps come from a network"
    else:
        return ""
    if source.labels == "none":
        return f"The {role} maps need no labels." if role == "saliency" else ""
    if UNKNOWN in (trained_on, source.labels):
        return f"{subject} of which is not known what it was trained on ({source.file})."
    return f"{subject} trained on {trained_on}."
