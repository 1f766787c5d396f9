"""The text of a configuration: what a user decides on top, with comments."""

from collections.abc import Mapping
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
  source: {source}
  # What the images show. To drop a class, delete it here and set unlisted: ignore.
  classes: {classes}
"""
SPLIT = """\
  # Images for validation, from which no network learns: a share of each class. `group` keeps images of one patient,
  # video or burst together: a regular expression over the path, such as '^(patient[0-9]+)_'.
  split:
    val: 0.1
    group: null
"""


def plain(value: Any) -> str:
    """A value in one line of YAML, quoted where it must be."""
    return yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=10**6)[1:-2]


TABLE = {
    "table.masks": "Only for scores: a folder of PNGs named like the images, one class index per pixel. null: no "
    "masks.",
    "table.all_classes": "What the masks' values 1, 2, … are; other classes than those above are neither trained nor "
    "scored.",
    "table.lists": "The table has no split: these list the images for training and those that only measure it.",
}
"""Comments on values of the section `table`."""


def section_lines(source: str, section: Mapping[str, Any]) -> str:
    """The section of the source, below `dataset`."""
    text = with_comments({source: section}, TABLE)
    return "".join(f"  {line}\n" for line in text.splitlines())


def with_comments(
    values: Mapping[str, Any], comments: Mapping[str, str], depth: int = 0, key: str = ""
) -> str:
    """Sections of a configuration, one value a line, with a comment above the keys that have one."""
    text = ""
    for name, value in values.items():
        path, indent = f"{key}{name}", "  " * depth
        if path in comments:
            text += f"{indent}# {comments[path]}\n"
        if isinstance(value, Mapping) and path != "table.lists":
            text += f"{indent}{name}:\n" + with_comments(value, comments, depth + 1, f"{path}.")
        else:
            text += f"{indent}{name}: {plain(value)}\n"
    return text
