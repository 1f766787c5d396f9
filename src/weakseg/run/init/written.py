"""The text of a configuration: what a user decides on top, with comments."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

DEMO = """\
# The demo: generated images, everything trained here, three to five minutes on two cores. For images of your own:
# weakseg init NAME --images FOLDER --labels TABLE

# All files of the run are in results/{run}/.
run: {run}
# Parts that run side by side: at least the number of cores.
shards: {shards}

dataset:
  source: demo
  demo:
    # More images give better proxies; time grows with them.
    train: 500
    val: 100
"""
HEAD = """\
# Your images. What is not set here has the value of the preset, or of config.yaml below it; once the run has started,
# results/{run}/configs/run.json holds every value. Paths are relative to the folder in which snakemake is started.

# All files of the run are in results/{run}/.
run: {run}
# The values for everything else: docs/presets.md.
preset: {preset}
# Parts that run side by side: at least the number of cores, about one part per 100 images.
shards: {shards}

dataset:
  source: table
"""


def plain(value: Any) -> str:
    """A value in one line of YAML, quoted where it must be."""
    return yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=10**6)[1:-2]


def dataset_lines(
    images: str,
    labels: str,
    classes: Sequence[str],
    masks: str | None,
    all_classes: Sequence[str],
    lists: Mapping[str, str],
) -> str:
    """The section `dataset` below its first line.

    Args:
        images: folder.
        labels: table.
        classes: all of them, in order.
        masks: folder of label PNGs.
        all_classes: order of the masks' values where it differs.
        lists: split → file, where the table has no split.
    """
    lines = [
        "  # What the images show. To drop a class, delete it here and set unlisted: ignore.",
        f"  classes: {plain([*classes])}",
        "  table:",
        f"    images: {plain(images)}",
        f"    labels: {plain(labels)}",
        "    # Only for scores: a folder of PNGs named like the images, one class index per pixel. null: no masks.",
        f"    masks: {plain(masks)}",
    ]
    if all_classes:
        lines += [
            "    # What the masks' values 1, 2, … are; other classes than those above are neither trained nor scored.",
            f"    all_classes: {plain([*all_classes])}",
        ]
    if lists:
        lines += [
            "    # The table has no split: these list the images for training and those that only measure it.",
            f"    lists: {plain(dict(lists))}",
        ]
    return "".join(f"{line}\n" for line in lines)


def with_comments(
    values: Mapping[str, Any], comments: Mapping[str, str], depth: int = 0, key: str = ""
) -> str:
    """Sections of a configuration, one value a line, with a comment above the keys that have one."""
    text = ""
    for name, value in values.items():
        path, indent = f"{key}{name}", "  " * depth
        if path in comments:
            text += f"{indent}# {comments[path]}\n"
        if isinstance(value, Mapping):
            text += f"{indent}{name}:\n" + with_comments(value, comments, depth + 1, f"{path}.")
        else:
            text += f"{indent}{name}: {plain(value)}\n"
    return text
