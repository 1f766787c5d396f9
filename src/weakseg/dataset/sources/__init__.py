"""Where images and labels come from, one file a source."""

from weakseg.dataset.sources.declaration import Source
from weakseg.settings.methods import Methods

SOURCES: Methods[Source] = Methods(
    "weakseg.dataset.sources",
    "demo.DemoSource",
    "voc.VocSource",
    "table.TableSource",
    "yolo.YoloSource",
    "coco.CocoSource",
    "label_studio.LabelStudioSource",
    "imagefolder.ImageFolderSource",
    "columns.ColumnsSource",
    "names.NamesSource",
    "folders.FoldersSource",
)
"""Name of a source → what its file declares. `weakseg init` takes the first that a folder looks like."""
