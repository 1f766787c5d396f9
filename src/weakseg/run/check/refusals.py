"""What a run of a configuration would refuse: the same functions as at its start, each error once."""

from collections.abc import Callable, Iterator
from functools import partial

from weakseg.dataset.files import write_files
from weakseg.dataset.index import proxy_records
from weakseg.dataset.indexing import CheckedData, check_data, list_source, plan
from weakseg.dataset.looking import forget
from weakseg.errors import InputError
from weakseg.run import inputs
from weakseg.run.preflight import check
from weakseg.run.start import refuse_copy
from weakseg.run.table import Table


class Refusals:
    """Collects the errors of functions.

    Attributes:
        sentences: each once, in order.
    """

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def of(self, function: Callable[[], object]) -> bool:
        """Whether the function raises no error; its error is kept."""
        try:
            function()
        except InputError as error:
            if str(error) not in self.sentences:
                self.sentences.append(str(error))
            return False
        return True


def refusals(table: Table) -> tuple[list[str], CheckedData | None]:
    """What a run would refuse, and its images as far as they were checked.

    Every image and mask is opened, unless an earlier check or run did so; what was seen is kept in the run's folder.
    """
    found = Refusals()
    found.of(partial(refuse_copy, table))
    data: list[CheckedData] = []
    is_listed = found.of(partial(_listed, table))
    if is_listed:
        found.of(lambda: data.extend(_checked(table)))
    for step in _inputs(table):
        found.of(step)
    for rule in ("attention_train", "saliency_train", "saliency_maps", "segmenter_train"):
        if table.makes(rule) and not (rule == "saliency_maps" and table.config.saliency.method == "folder"):
            found.of(partial(check, table.config, [rule], table.folder))
    if data:
        found.of(partial(_maps, table, data[0]))
    return found.sentences, data[0] if data else None


def _listed(table: Table) -> None:
    attention = table.config.attention
    plan(
        table.config.dataset,
        table.folder / "dataset",
        classified=table.makes("attention_train"),
        one_class=attention.own.takes_one_class,
    )


def _checked(table: Table) -> Iterator[CheckedData]:
    """The images, opened; none before they are generated or fetched."""
    settings, folder = table.config.dataset, table.folder / "dataset"
    if list_source(settings, folder) is None:
        return
    data = check_data(settings, folder)
    if not (folder / "index.csv").is_file():  # the run then need not read the files again
        write_files(folder, data.index.records, data.found)
        forget(folder)
    yield data


def _inputs(table: Table) -> Iterator[Callable[[], object]]:
    """The checks of files and folders that planning makes."""
    yield partial(inputs.known_weights, table, ("saliency", "attention", "segmenter"))
    for rule in ("saliency_train", "saliency_maps"):
        yield partial(inputs.saliency_files, table, rule)
    for room in ("attention", "segmenter"):
        yield partial(inputs.initial_weights, table, room)
    yield partial(inputs.attention_maps_folder, table)
    yield partial(inputs.attention_weights, table, "segmenter")
    yield partial(inputs.true_boxes, table)
    yield partial(inputs.ceiling, table)


def _maps(table: Table, data: CheckedData) -> None:
    """Read the maps that were made elsewhere, as the run would."""
    from pathlib import Path

    from weakseg.attention.networks.folder import read_maps

    config, records = table.config, proxy_records(data.index)
    if table.makes("saliency_maps") and config.saliency.method == "folder":
        source = config.saliency.own.source(config.saliency.flip, lambda sentence: None)
        for record in records:
            source(record)
    if table.makes("attention_maps") and not config.attention.trains:
        for record in records:
            read_maps(Path(config.attention.own.folder), record)
