"""Label maps as other tools take and give them: one file a format."""

from weakseg.formats.declaration import Format
from weakseg.settings.methods import Methods

FORMATS: Methods[Format] = Methods(
    "weakseg.formats",
    "coco.Coco",
    "yolo_seg.YoloSeg",
    "cvat.Cvat",
    "labelme.LabelMe",
    "label_studio.LabelStudio",
    "geojson.GeoJson",
    "png.Png",
)
"""The table of formats, by name."""
READ = FORMATS.where(lambda form: form.reads_back)
"""Those that come back."""
