"""What `snakemake` shows of a run: a logger plugin, which Snakemake finds by the name of this package.

Snakemake imports it at every start, so heavy modules wait until a run is there. An exception out of `emit` would end
all output in silence, so nothing leaves it.
"""

import sys
from dataclasses import dataclass, field
from logging import LogRecord
from typing import TYPE_CHECKING

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

if TYPE_CHECKING:
    from snakemake_logger_plugin_weakseg.following import Following


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Settings of a profile or of the command line.

    Attributes:
        off: step aside; Snakemake prints by itself.
    """

    off: bool = field(default=False, metadata={"help": "Show Snakemake's own output instead."})


class LogHandler(LogHandlerBase):
    """Passes Snakemake's events to what shows them."""

    _following: "Following | None" = None
    _failed: bool = False

    @property
    def _is_off(self) -> bool:
        is_told = isinstance(self.settings, LogHandlerSettings) and self.settings.off
        return is_told or self.common_settings.verbose

    def emit(self, record: LogRecord) -> None:
        """Show one event; whatever goes wrong, later events still arrive."""
        if self._is_off:
            return
        try:
            if self._failed:
                self._plainly(record)
                return
            if self._following is None:
                from snakemake_logger_plugin_weakseg.following import start

                self._following = start(self.common_settings)
            self._following.handle(record)
        except Exception as error:
            self._give_up(error)

    def close(self) -> None:
        """The end of Snakemake, whatever the reason."""
        try:
            if self._following is not None and not self._failed:
                self._following.close()
        except Exception as error:
            self._give_up(error)
        super().close()

    def _give_up(self, error: Exception) -> None:
        self._failed = True
        _write(
            f"weakseg: the display of the run failed ({type(error).__name__}: {error}); the run itself goes on. With "
            "--logger-weakseg-off Snakemake shows it."
        )

    def _plainly(self, record: LogRecord) -> None:
        from logging import WARNING

        if record.levelno >= WARNING:
            _write(record.getMessage())

    @property
    def writes_to_stream(self) -> bool:
        """Whether Snakemake prints nothing itself."""
        return not self._is_off

    @property
    def writes_to_file(self) -> bool:
        """It writes no file; Snakemake's own log lies in `.snakemake/log`."""
        return False

    @property
    def has_filter(self) -> bool:
        """It gets every event, also with `quiet`."""
        return True

    @property
    def has_formatter(self) -> bool:
        """It makes its own lines."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """It draws no graph."""
        return False


def _write(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)
    except Exception:  # nobody reads it any more
        return
