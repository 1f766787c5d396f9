"""Each tool's own reader, in an environment of its own, on what weakseg wrote for it.

    python benchmarks/readers.py /somewhere/environments [NAME ...]

makes a virtual environment a tool below that folder, with what pip finds, writes a hundred generated label maps in the
tool's format, lets the tool read them there, and prints a line a tool: version, images, regions, and how many pixels it
sees otherwise than they were. Needs the checkout's tests, which generate the label maps, and the extra `formats`.
"""

import ast
import json
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import venv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from label_maps import CLASSES, decided, label_map, wide_map  # noqa: E402
from weakseg.formats import FORMATS  # noqa: E402
from weakseg.formats.items import Item, Options  # noqa: E402
from weakseg.formats.write import write  # noqa: E402

COMMON = """
import json, sys
from pathlib import Path
import numpy as np
root, out = Path(sys.argv[1]), sys.argv[2]
classes = json.loads((root / "classes.json").read_text())
found, regions = {}, 0
"""
END = """
np.savez(root / "seen.npz", **{name.replace("/", "|"): labels for name, labels in found.items()})
print(json.dumps({"regions": regions}))
"""


@dataclass(frozen=True)
class Tool:
    """A tool's reader.

    Attributes:
        form: the format that it reads.
        packages: what pip installs.
        code: fills `found` (image → labels H×W) and `regions`.
        maps: which label maps.
        shares: whether its environment sees the packages of this one, so that torch is not installed twice; pip
            installs nothing else then.
    """

    form: str
    packages: tuple[str, ...]
    code: str
    maps: str = "all"
    shares: bool = False


TOOLS = {
    "pycocotools": Tool(
        "coco",
        ("pycocotools",),
        """
        from pycocotools.coco import COCO
        coco = COCO(out)
        for image in coco.loadImgs(coco.getImgIds()):
            labels = np.zeros((image["height"], image["width"]), np.uint8)
            for each in coco.loadAnns(coco.getAnnIds(image["id"])):
                labels[coco.annToMask(each) > 0] = each["category_id"]
                regions += 1
            found[image["file_name"].removesuffix(".png")] = labels
        """,
    ),
    "datumaro": Tool(
        "cvat",
        ("datumaro",),
        """
        import zipfile
        from datumaro.components.annotation import AnnotationType
        from datumaro.components.dataset import Dataset
        zipfile.ZipFile(out).extractall(root / "task")
        data = Dataset.import_from(str(root / "task"), "voc_instance_segmentation")
        names = [label.name for label in data.categories()[AnnotationType.label]]
        for item in data:
            masks = [each for each in item.annotations if each.type == AnnotationType.mask]
            if masks:
                labels = np.zeros(masks[0].image.shape, np.uint8)
                for each in masks:
                    labels[each.image.astype(bool)] = classes.index(names[each.label]) + 1
                found[item.id] = labels
            else:
                found[item.id] = np.zeros((0, 0), np.uint8)
            regions += len(masks)
        """,
    ),
    "labelme": Tool(
        "labelme",
        ("labelme",),
        """
        from labelme.utils import shapes_to_label
        try:
            from labelme import LabelFile
        except ImportError:
            from labelme._label_file import LabelFile
        for file in sorted(Path(out).rglob("*.json")):
            label_file = LabelFile(str(file))
            content = json.loads(file.read_text())
            size = content["imageHeight"], content["imageWidth"]
            shapes = label_file.shapes
            shapes = [each if isinstance(each, dict) else vars(each) for each in shapes]
            values = {"_background_": 0, **{name: i for i, name in enumerate(classes, 1)}}
            labels, _ = shapes_to_label((*size, 3), shapes, values)
            found[str(file.relative_to(out).with_suffix(""))] = labels.astype(np.uint8)
            regions += len(shapes)
        """,
        "wide",
    ),
    "label-studio-sdk": Tool(
        "label-studio",
        ("label-studio-sdk",),
        """
        from label_studio_sdk.converter.brush import decode_rle
        for task in json.loads((Path(out) / "tasks.json").read_text()):
            labels = None
            for each in task["predictions"][0]["result"]:
                size = each["original_height"], each["original_width"]
                labels = np.zeros(size, np.uint8) if labels is None else labels
                mask = np.reshape(decode_rle(each["value"]["rle"]), (*size, 4))[..., 3] > 0
                labels[mask] = classes.index(each["value"]["brushlabels"][0]) + 1
                regions += 1
            found[task["data"]["id"]] = np.zeros((0, 0), np.uint8) if labels is None else labels
        """,
        shares=True,
    ),
    "ultralytics": Tool(
        "yolo-seg",
        ("ultralytics", "ultralytics-thop", "polars", "polars-runtime-32"),
        """
        import os
        os.environ["YOLO_CONFIG_DIR"] = str(root)
        from ultralytics.data.dataset import YOLODataset
        from ultralytics.data.utils import check_det_dataset, polygon2mask
        data = check_det_dataset(str(Path(out) / "data.yaml"))
        for split in ("train", "val"):
            loaded = YOLODataset(img_path=data[split], data=data, task="segment", imgsz=640)
            for entry in loaded.labels:
                height, width = entry["shape"]
                labels = np.zeros((height, width), np.uint8)
                for number, points in zip(entry["cls"][:, 0], entry["segments"]):
                    mask = polygon2mask((height, width), [(points * (width, height)).ravel()], color=1)
                    labels[mask > 0] = int(number) + 1
                    regions += 1
                name = str(Path(entry["im_file"]).relative_to(Path(out).resolve() / "images" / split).with_suffix(""))
                found[name] = labels
        """,
        "wide",
        shares=True,
    ),
    "shapely and rasterio": Tool(
        "geojson",
        ("rasterio", "affine", "cligj", "attrs", "certifi", "shapely"),
        """
        import shapely
        from rasterio.features import rasterize
        sizes = json.loads((root / "sizes.json").read_text())
        for file in sorted(Path(out).rglob("*.geojson")):
            name = str(file.relative_to(out).with_suffix(""))
            features = json.loads(file.read_text())["features"]
            shapes = [(shapely.geometry.shape(each["geometry"]), each["properties"]["label"]) for each in features]
            assert all(shape.is_valid for shape, _ in shapes)
            found[name] = rasterize(shapes, sizes[name], dtype=np.uint8) if shapes else np.zeros(sizes[name], np.uint8)
            regions += len(shapes)
        """,
        "wide",
        shares=True,
    ),
}


def environment(folder: Path, name: str, tool: Tool) -> tuple[Path, str]:
    """A tool's virtual environment, made once: its Python, and the versions of the packages in the tool's name."""
    python, packages = folder / "bin" / "python", tool.packages
    if not python.exists():
        venv.create(folder, with_pip=True)
        options = ["--no-deps"] * tool.shares
        subprocess.run([python, "-m", "pip", "install", "--quiet", *options, *packages], check=True)
        if tool.shares:
            (own,) = folder.glob("lib/python*/site-packages")
            (own / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    named = [package for package in packages if package in name.split()]
    code = "from importlib.metadata import version; import sys; print([f'{n} {version(n)}' for n in sys.argv[1:]])"
    said = subprocess.run([python, "-c", code, *named], check=True, capture_output=True, text=True)
    return python, ", ".join(ast.literal_eval(said.stdout))


def exported(root: Path, tool: Tool) -> tuple[Path, dict[str, np.ndarray]]:
    """Label maps written in a tool's format, and what they were."""
    make = label_map if tool.maps == "all" else wide_map
    maps = {f"folder/{seed:03}": make(seed) for seed in range(100)}
    items = []
    for number, (name, labels) in enumerate(maps.items()):
        image = root / "photos" / f"{name}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", labels.shape[::-1]).save(image)
        items.append(Item(name, image, labels, ("train", "val")[number % 2]))
    form = FORMATS[tool.form]
    out = root / f"written{form.suffix}"
    write(form, out, items, CLASSES, Options())
    (root / "classes.json").write_text(json.dumps(CLASSES))
    (root / "sizes.json").write_text(json.dumps({name: labels.shape for name, labels in maps.items()}))
    return out, maps


def look(name: str, tool: Tool, environments: Path) -> str:
    """What a tool sees, as a row of a table."""
    python, version = environment(environments / name.replace(" ", "-"), name, tool)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        out, maps = exported(root, tool)
        code = COMMON + textwrap.dedent(tool.code) + END
        done = subprocess.run([python, "-c", code, root, out], capture_output=True, text=True, check=False)
        if done.returncode:
            return f"| {version} | `{tool.form}` | failed: {done.stderr.strip().splitlines()[-1]} |"
        regions = json.loads(done.stdout.strip().splitlines()[-1])["regions"]
        with np.load(root / "seen.npz", allow_pickle=False) as seen:
            return _row(
                version, tool, maps, {key.replace("|", "/"): seen[key] for key in seen.files}, regions
            )


def _row(
    version: str, tool: Tool, maps: dict[str, np.ndarray], seen: dict[str, np.ndarray], regions: int
) -> str:
    wrong, total, ious = 0, 0, []
    for name, labels in maps.items():
        expected = decided(labels)
        found = seen.get(name, np.zeros(expected.shape, np.uint8))
        found = found if found.size else np.zeros(expected.shape, np.uint8)
        wrong += int((found != expected).sum())
        total += expected.size
        for label in np.unique(expected[expected > 0]):
            one, other = expected == label, found == label
            ious.append((one & other).sum() / (one | other).sum())
    return (
        f"| {version} | `{tool.form}` | {tool.maps} | {len(seen.keys() & maps.keys())} | {regions:,} | "
        f"{wrong:,} of {total:,} | {min(ious):.3f} |"
    )


def main() -> None:
    """Print the table."""
    environments, names = Path(sys.argv[1]).resolve(), sys.argv[2:] or [*TOOLS]
    print("| tool | format | label maps | images | regions | pixels that differ | worst IoU of a class |")
    print("|---|---|---|---|---|---|---|")
    for name in names:
        print(look(name, TOOLS[name], environments), flush=True)


if __name__ == "__main__":
    main()
