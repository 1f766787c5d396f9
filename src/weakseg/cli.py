"""`weakseg`: one command group per room. Heavy imports wait until a command runs."""

import errno
import sys
import warnings
from typing import NoReturn

import click

from weakseg import __version__
from weakseg.affinity.commands import affinity
from weakseg.attention.commands import attention
from weakseg.dataset.commands import dataset
from weakseg.dataset.tiles_command import tiles
from weakseg.detector.commands import detector
from weakseg.errors import InputError
from weakseg.evaluation.commands import evaluate
from weakseg.evaluation.health.command import health, health_all, health_stop
from weakseg.exchange.commands import export_masks, review
from weakseg.inspector.commands import inspect
from weakseg.proxy.commands import proxy
from weakseg.report.ablation.commands import ablate
from weakseg.report.commands import compare, report_bug, show, summary, supervision
from weakseg.run.check.commands import check
from weakseg.run.init.commands import init
from weakseg.saliency.commands import saliency
from weakseg.segmenter.commands import segmenter
from weakseg.segmenter.export.command import export
from weakseg.segmenter.prediction.command import predict
from weakseg.training.exhausted import ran_out
from weakseg.weights.commands import weights

NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
"""System errors for a full disk and for missing permissions."""


@click.group()
@click.version_option(__version__)
def weakseg() -> None:
    """From image-level labels to a segmentation model.

    `snakemake --cores all` runs the whole chain; each step is one of these commands.
    """


for _command in (
    *(dataset, saliency, attention, proxy, affinity, segmenter, detector, evaluate),
    *(
        init,
        check,
        tiles,
        predict,
        export,
        export_masks,
        show,
        inspect,
        review,
        compare,
        ablate,
        weights,
        report_bug,
    ),
):
    weakseg.add_command(_command)
for _command in (supervision, summary, health, health_all, health_stop):
    evaluate.add_command(_command)


def main() -> None:
    """Run the command line; a user's mistake is one sentence and exit status 2, never a traceback."""
    # Pillow warns about metadata and sizes of good images.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        weakseg()
    except InputError as error:
        _fail(str(error))
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NOT_WRITTEN:
            _fail(
                f"{error.filename or 'a file'} could not be opened or written ({error.strerror}); free disk space or "
                "fix its permissions, then run the same command again."
            )
        if not ran_out(error):
            raise
        _fail(
            f"memory ran out ({_last_line(error)}); end other programs, give the job more memory or make its images "
            "smaller, then run the same command again."
        )


def _last_line(error: BaseException) -> str:
    """The last line of an error's message (the first may be a data worker's traceback), or the error's type."""
    return next(
        (line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__
    )


def _fail(sentence: str) -> NoReturn:
    click.echo(f"weakseg: {sentence}", err=True)
    sys.exit(2)
