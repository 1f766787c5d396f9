# The configuration, the table of the run, and helpers that need Snakemake, for all files of rules. In paths, `<run>` is
# results/<run name> and `{scatteritem}` a shard such as 2-of-8.

import sys
from functools import partial
from pathlib import Path

from snakemake.logging import logger
from snakemake.utils import min_version

from weakseg.config.layers import layered, names
from weakseg.config.memory import megabytes, training_cores
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
    except InputError as error:
        sys.exit(f"weakseg: {error}")


def option(flag, *files):
    """The flag and its files, or nothing where the run has no such file."""
    return [flag, *files] if any(files) else []


# Snakemake cannot lay a preset by name between `configfile:`, the last of its list, and --configfile.
files, shipped = workflow.overwrite_configfiles, Path(workflow.configfiles[-1])
values = said(layered, files, workflow.config_settings.config_args or [], shipped)
cfg = said(configured, values, names(files, shipped))

TABLE = Table(cfg)
STAGES = cfg.stages()
memory = partial(megabytes, cfg, TABLE.folder / "dataset")
# To our logger plugin, which shows the run; no other shows a message without text.
logger.info(None, extra={"weakseg": TABLE})

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
