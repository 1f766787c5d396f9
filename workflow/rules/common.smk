# The configuration, the table of the run, and helpers that need Snakemake, for all files of rules. In paths, `<run>` is
# results/<run name> and `{scatteritem}` a shard such as 2-of-8.

import sys
from functools import partial
from pathlib import Path

import yaml
from snakemake.logging import logger
from snakemake.utils import min_version, update_config

from weakseg.config.memory import megabytes
from weakseg.errors import InputError
from weakseg.run import inputs
from weakseg.run.reuse import configured, reused_indexes
from weakseg.run.table import Table
from weakseg.storage.review import decided
from weakseg.training.revisions import REVISIONS

min_version("9.25")


def said(function, *arguments):
    """What a function returns. A mistake ends in one sentence; an exception would print Snakemake's traceback."""
    try:
        return function(*arguments)
    except (InputError, yaml.YAMLError) as error:
        sys.exit(f"weakseg: {error}")


def option(flag, *files):
    """The flag and its files, or nothing where the run has no such file."""
    return [flag, *files] if any(files) else []


# Snakemake reads inner values of --config as text.
for setting in workflow.config_settings.config_args or []:
    name, _, text = setting.partition("=")
    update_config(config, {name: said(yaml.safe_load, text)})

cfg = said(configured, config, ", ".join(map(str, workflow.configfiles)))
TABLE = Table(cfg)
logger.info(
    None, extra={"weakseg": TABLE}
)  # to our logger plugin; nothing else shows it
STAGES = cfg.stages()
memory = partial(megabytes, cfg, TABLE.folder / "dataset")

# What people decided about training images: a parameter of what is learnt from proxy labels.
DECIDED = said(decided, TABLE.folder / "review", TABLE.folder / "dataset/index.csv")


pathvars:
    run=TABLE.folder.as_posix(),


scattergather:
    shard=cfg.shards,


wildcard_constraints:
    scatteritem=rf"\d+-of-{cfg.shards}",
    stage="|".join(STAGES),
    round="[1-9]",
