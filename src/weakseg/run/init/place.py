"""The folder in which a run is started: a checkout, or one that runs the installed workflow."""

from pathlib import Path

from weakseg import installed
from weakseg.errors import InputError
from weakseg.run.init.files import write

SNAKEFILE = '''"""Runs the workflow of the installed weakseg in this folder. Written by `weakseg init`.

    snakemake --cores all
"""

from weakseg.installed import workflow as installed

# `include:` would leave out the workflow's default target, and `snakemake` would plan nothing.
workflow.include(str(installed() / "Snakefile"), overwrite_default_target=True)
'''
SCHEMA = "# yaml-language-server: $schema=workflow/config.schema.json\n#\n"
"""First lines of a configuration in a checkout: editors complete and check it."""
PROFILE = """
# The run of a plain `snakemake --cores all`; another --configfile takes its place.
configfile:
  - {name}
"""


def is_checkout(folder: Path) -> bool:
    """Whether the folder has the workflow itself, as a clone has."""
    return (folder / "Snakefile").is_file() and (folder / "workflow" / "rules" / "common.smk").is_file()


def is_prepared(folder: Path) -> bool:
    """Whether `weakseg init` made the folder run the installed workflow."""
    path = folder / "Snakefile"
    return path.is_file() and "weakseg.installed" in path.read_text(encoding="utf-8", errors="replace")


def prepare(folder: Path, configuration: str, force: bool) -> list[Path]:
    """Write a Snakefile and the profiles, so that `snakemake --cores all` runs a configuration in the folder.

    Args:
        folder: without a workflow.
        configuration: name of its file.
        force: whether existing files are replaced.

    Returns:
        The files that were written.

    Raises:
        InputError: the folder has a Snakefile of something else.
    """
    if (folder / "Snakefile").exists() and not is_prepared(folder) and not force:
        raise InputError(
            "the Snakefile here is not weakseg's; an empty folder was expected: start there, or replace the file by "
            "--force."
        )
    texts = {folder / "Snakefile": SNAKEFILE}
    for profile in sorted(installed.workflow().glob("profiles/*/profile.yaml")):
        text = profile.read_text(encoding="utf-8") + PROFILE.format(name=configuration)
        texts[folder / "profiles" / profile.parent.name / "profile.yaml"] = text
    return write(texts, force)
