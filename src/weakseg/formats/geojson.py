"""GeoJSON: a file an image, a polygon with its holes a feature, in pixels from the top left corner."""

from weakseg.formats.declaration import Format


class GeoJson(Format):
    """GeoJSON as QuPath reads it, in pixels."""

    name = "geojson"
    title = "QuPath, QGIS"
    is_exact = False
    names_images = False


import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from weakseg.formats.items import Item, Options, Written
from weakseg.formats.regions import Region, check_simplifies, polygons
from weakseg.storage.atomic import atomic_folder
from weakseg.storage.labels import voc_palette


@contextmanager
def writing(
    out: Path, classes: Sequence[str], options: Options, written: Written
) -> Iterator[Callable[[Item], None]]:
    """OUT/<image>.geojson of every image."""
    check_simplifies(options.tolerance)
    with atomic_folder(out) as folder:

        def add(item: Item) -> None:
            found = polygons(item.labels, options.tolerance)
            features = [_feature(region, classes[region.label - 1]) for region in found]
            place = folder / f"{item.stem}.geojson"
            place.parent.mkdir(parents=True, exist_ok=True)
            content = {"type": "FeatureCollection", "features": features}
            place.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
            written.count(item, len(found))

        yield add


def _feature(region: Region, name: str) -> dict[str, Any]:
    """A region with its class where QuPath looks for it, and where GIS does."""
    colour = voc_palette()[region.label].tolist()
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [_closed(ring) for ring in region.rings]},
        "properties": {
            "objectType": "annotation",
            "classification": {"name": name, "color": colour},
            "class": name,
            "label": region.label,
        },
    }


def _closed(ring: np.ndarray) -> list[list[float]]:
    closed: list[list[float]] = np.concatenate([ring, ring[:1]]).tolist()
    return closed
