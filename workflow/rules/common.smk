# What all rule files share. In paths, `<run>` is results/<run name> and `{scatteritem}` a shard such as 2-of-8.

import errno
import sys
from pathlib import Path

import yaml
from snakemake.utils import min_version, update_config

import weakseg.config  # by its whole name: Snakemake owns `config`
from weakseg.config.memory import needed_mb
from weakseg.dataset.survey import read_made
from weakseg.errors import InputError
from weakseg.settings import reading
from weakseg.training.revisions import REVISIONS

min_version("9.25")

# A mistake ends in sys.exit, one sentence; an exception would print Snakemake's traceback.
try:
    for setting in workflow.config_settings.config_args or []:
        name, _, text = setting.partition("=")
        update_config(
            config, {name: yaml.safe_load(text)}
        )  # Snakemake reads inner values as text
    sources = ", ".join(map(str, workflow.configfiles))
    cfg = reading.parse(weakseg.config.Config, config, sources)
except (InputError, yaml.YAMLError) as error:
    sys.exit(f"weakseg: {error}")

RUN = f"results/{cfg.run}"
STAGES = cfg.stages()


pathvars:
    run=RUN,


scattergather:
    shard=cfg.shards,


wildcard_constraints:
    scatteritem=rf"\d+-of-{cfg.shards}",
    stage="|".join(STAGES),


def weak(files):
    """The files, or none when the segmenter learns from true masks and nothing weak is made."""
    return files if cfg.segmenter.labels == "proxy" else []


def memory(rule):
    """`mem_mb` of a rule, in the largest image's size once the index knows it; a retry asks for half as much again."""

    index = f"{RUN}/dataset/index.csv"

    def mem_mb(wildcards, attempt):
        if not Path(index).exists():
            raise FileNotFoundError(
                errno.ENOENT, "not made yet", index
            )  # Snakemake asks again
        made = read_made(Path(index).parent).get("data")
        height, width = (0, 0) if made is None else made.largest
        return int(needed_mb(cfg, rule, width, height) * (1 + attempt) / 2)

    return mem_mb


def option(flag, *files):
    """The flag and its files, or nothing where the run has no such file."""
    return [flag, *files] if any(files) else []


def outside(key, path, remedy="correct the path in the configuration"):
    """A file made outside the run as declared input; a missing one is refused before anything starts."""
    if path in ("none", "IMAGENET1K_V1", "IMAGENET1K_FEATURES"):
        return []
    if not Path(path).exists():
        sys.exit(f"weakseg: {key} is {path}, which does not exist; {remedy}.")
    return path


def attention_weights(room):
    """The attention network's weights as declared input of a room that starts from them; refused if it cannot."""
    attention, architecture = cfg.attention, getattr(cfg, room).backbone.architecture
    if attention.method == "folder":
        sys.exit(
            f"weakseg: {room}.backbone.weights is attention, but attention.method is folder, which trains no network; "
            "set it to none or to a file."
        )
    if attention.backbone.architecture != architecture:
        sys.exit(
            f"weakseg: {room}.backbone.weights is attention, whose backbone is {attention.backbone.architecture}, but "
            f"{room}.backbone.architecture is {architecture}; make them the same, or set the weights to none or a file."
        )
    return f"{RUN}/attention/weights.pt"
