"""A table or VOC folder as the index command reads it: listed, then every image and mask checked."""

from typing import Any

from weakseg.dataset.check import check_images
from weakseg.dataset.index import Index
from weakseg.dataset.sources.table import list_table
from weakseg.dataset.sources.voc import list_voc


def index_table(*args: Any, **options: Any) -> Index:
    """Index a folder of images by a table."""
    return check_images(list_table(*args, **options))


def index_voc(*args: Any, **options: Any) -> Index:
    """Index a folder in VOC layout."""
    return check_images(list_voc(*args, **options))
