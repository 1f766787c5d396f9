"""The generated demo: textured objects on clutter, seeded, nothing to download.

A class is a shape with its own texture. Colours, light and background come from one distribution for all classes, so
that colour does not identify a class. Images of the split `saliency` also hold foreign objects (other shapes and
textures), and their masks only separate objects from background. Everything is drawn at twice the size; the image is
the mean of each 2×2 block, the mask its most frequent label.

Coordinates: the canvas is in pixels at twice the image's size, x right, y down; an object's own frame is in
units of its radius, so that outlines lie within about [-1, 1].
"""

import csv
import io
import math
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from weakseg.dataset.demo_shapes import CLASSES, FAMILIES, FOREIGN, OUTLINES, TEXTURES
from weakseg.dataset.records import SPLITS
from weakseg.storage.atomic import atomic_path, write_text
from weakseg.storage.labels import write_labels

OVERSAMPLING = 2
MIN_OBJECT = 0.015
"""Visible part of every object, as a share of the image's pixels."""
MIN_VISIBLE = 0.55
"""Visible part of every object, as a share of its unoccluded area."""
FOREGROUND = (0.10, 0.50)
"""All objects together, as a share of the image's pixels."""
DIAMETERS = {1: (0.48, 0.68), 2: (0.40, 0.58), 3: (0.35, 0.50)}
"""Number of objects → range of their diameters, as a share of the image's side."""
MANY = 100
"""Number of images above which several processes draw them."""
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


# ---------------------------------------------------------------------------- objects and their places


@dataclass(frozen=True)
class Kind:
    """Names of an object's outline and texture, and its value in the mask."""

    outline: str
    texture: str
    label: int


@dataclass(frozen=True)
class Thing:
    """An object at its place: `frame` (2×2) and `centre` (2) take its own coordinates to canvas pixels."""

    kind: Kind
    centre: np.ndarray
    frame: np.ndarray

    @property
    def radius(self) -> float:
        """Radius in canvas pixels, mean over directions."""
        return float(np.sqrt(abs(np.linalg.det(self.frame))))

    def fill(self, canvas: np.ndarray, value: int) -> None:
        """Draw the filled outline into `canvas` (`uint8` H×W)."""
        corners = OUTLINES[self.kind.outline] @ self.frame.T + self.centre
        # 4 fractional bits: corners keep their place between pixels
        cv2.fillPoly(canvas, [np.rint(corners * 16).astype(np.int32)], value, shift=4)


def _class_kinds(rng: np.random.Generator, number: int) -> list[Kind]:
    """One to three objects; the first class cycles with the image's number, so that classes are balanced.

    Half of the images have a single class (of up to three objects), 35 % two, 15 % three.
    """
    first = number % len(CLASSES)
    others = [int(label) for label in rng.permutation(len(CLASSES)) if label != first]
    distinct = int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))
    labels = [first, *others][:distinct]
    extra = int(rng.choice([0, 1, 2], p=[0.65, 0.25, 0.10]))
    labels += [int(rng.choice(labels)) for _ in range(min(extra, 3 - distinct))]
    return [Kind(CLASSES[i], FAMILIES[CLASSES[i]], i + 1) for i in rng.permutation(labels)]


def _any_kinds(rng: np.random.Generator) -> list[Kind]:
    """One to three objects of label 1; half of them are foreign: any outline with any texture."""
    kinds = []
    for _ in range(int(rng.choice([1, 2, 3], p=[0.4, 0.4, 0.2]))):
        outline = str(rng.choice(CLASSES))
        texture = FAMILIES[outline]
        if rng.random() < 0.5:
            outline, texture = str(rng.choice(list(OUTLINES))), str(rng.choice(list(TEXTURES)))
        kinds.append(Kind(outline, texture, 1))
    return kinds


def _frame(rng: np.random.Generator, radius: float) -> np.ndarray:
    """Stretch the axes by up to a fifth against each other, then rotate by up to 20°."""
    angle, stretch = rng.uniform(-0.35, 0.35), rng.uniform(0.91, 1.1)
    cos, sin = np.cos(angle), np.sin(angle)
    return radius * np.array([[cos, -sin], [sin, cos]]) @ np.diag([stretch, 1 / stretch])


def _place(rng: np.random.Generator, kind: Kind, side: int, count: int) -> Thing:
    radius = 0.5 * side * rng.uniform(*DIAMETERS[count])
    # up to a quarter of the radius may stick out of the image
    centre = rng.uniform(0.75 * radius, side - 0.75 * radius, 2)
    return Thing(kind, centre, _frame(rng, radius))


def _arrange(rng: np.random.Generator, kinds: list[Kind], side: int) -> tuple[list[Thing], np.ndarray]:
    """Place the objects until enough of each is visible.

    Returns:
        The objects from back to front, and the object at each pixel (`uint8` side×side: 0 background, k the k-th).
    """
    while True:
        things = [_place(rng, kind, side, len(kinds)) for kind in kinds]
        owner = np.zeros((side, side), np.uint8)
        alone = []
        for k, thing in enumerate(things, start=1):
            single = np.zeros_like(owner)
            thing.fill(single, 1)
            alone.append(np.count_nonzero(single))
            owner[single > 0] = k
        seen = np.bincount(owner.ravel(), minlength=len(things) + 1)[1:]
        enough = (seen >= MIN_OBJECT * owner.size).all() and (seen >= MIN_VISIBLE * np.array(alone)).all()
        if enough and FOREGROUND[0] <= seen.sum() / owner.size <= FOREGROUND[1]:
            return things, owner


def _mask(things: list[Thing], owner: np.ndarray) -> np.ndarray:
    """The label map at image size: the most frequent object of each 2×2 block, ties to the object further back."""
    steps = [slice(first, None, OVERSAMPLING) for first in range(OVERSAMPLING)]
    quarters = np.stack([owner[rows, columns] for rows in steps for columns in steps])
    votes = np.stack([np.add.reduce(quarters == k, axis=0, dtype=np.uint8) for k in range(len(things) + 1)])
    labels = np.array([0, *(thing.kind.label for thing in things)], np.uint8)
    mask: np.ndarray = labels[votes.argmax(axis=0)]
    return mask


# ---------------------------------------------------------------------------------------------- painting


def _colour(rng: np.random.Generator) -> np.ndarray:
    """A random colour, from the same distribution for objects, clutter and background: RGB in [0.08, 0.92]."""
    colour = rng.uniform(0.08, 0.92, 3).tolist()
    # a random share of grey: few things in photographs are fully saturated
    grey, share = sum(colour) / 3, rng.uniform(0.25, 0.85)
    return np.array([value + share * (grey - value) for value in colour], np.float32)


def _two_colours(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A dark and a light colour with enough contrast for a visible texture."""
    while True:
        dark, light = sorted((_colour(rng), _colour(rng)), key=lambda colour: float(colour @ LUMINANCE))
        if float((light - dark) @ LUMINANCE) >= 0.4:
            return dark, light


def _cloud(rng: np.random.Generator, side: int, cells: int, channels: int) -> np.ndarray:
    """Smooth noise, side×side×channels, about `cells` bumps along a side, standard deviation below 1."""
    coarse = rng.standard_normal((cells, cells, channels)).astype(np.float32)
    smooth = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, np.float32).reshape(side, side, channels)


def _background(rng: np.random.Generator, side: int) -> np.ndarray:
    """A gradient between two related colours, clouds of three sizes, thin lines and small blobs."""
    first = _colour(rng)
    second = first + rng.uniform(0.2, 0.7) * (_colour(rng) - first)
    ramp = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    share = np.float32(np.cos(angle)) * ramp[None, :] + np.float32(np.sin(angle)) * ramp[:, None] + 0.5
    canvas = np.asarray(first + share[..., None] * (second - first), np.float32)
    for cells, strength in ((4, 0.09), (14, 0.05), (48, 0.03)):
        canvas += strength * rng.uniform(0.3, 1.0) * _cloud(rng, side, cells, 3)
    for _ in range(rng.integers(3, 9)):
        _paint_line(rng, canvas)
    for _ in range(rng.integers(4, 11)):
        kind = Kind(str(rng.choice(FOREIGN)), str(rng.choice(list(TEXTURES))), 0)
        radius = side * rng.uniform(0.015, 0.06)
        blob = Thing(kind, rng.uniform(0, side, 2), _frame(rng, radius))
        _paint(rng, canvas, blob, plain=rng.random() < 0.6)
    return canvas


def _paint_line(rng: np.random.Generator, canvas: np.ndarray) -> None:
    """A thin bent line across the canvas in one colour."""
    side = len(canvas)
    ends = rng.uniform(-0.1 * side, 1.1 * side, (3, 2))
    t = np.linspace(0, 1, 24)[:, None]
    curve = (1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * ends[1] + t**2 * ends[2]  # quadratic Bézier
    width = int(rng.integers(1, max(2, side // 64) + 1))
    cv2.polylines(canvas, [np.rint(curve).astype(np.int32)], False, _colour(rng).tolist(), width)


def _paint(rng: np.random.Generator, canvas: np.ndarray, thing: Thing, *, plain: bool = False) -> None:
    """Paint an object over the canvas (float RGB), lit from one side and darker at its rim."""
    side = len(canvas)
    mask = np.zeros((side, side), np.uint8)
    thing.fill(mask, 1)
    x0, y0, width, height = cv2.boundingRect(mask)
    if width == 0:
        return  # a blob outside the image
    window = (slice(y0, y0 + height), slice(x0, x0 + width))
    inside = mask[window] > 0
    x, y = _own_coordinates(thing, window)
    colour = _colour(rng)
    if not plain:
        dark, bright = _two_colours(rng)
        colour = dark + _pattern(rng, thing, x, y)[..., None] * (bright - dark)
    angle = rng.uniform(0, 2 * np.pi)
    light = rng.uniform(0.05, 0.25) * (math.cos(angle) * x + math.sin(angle) * y)
    depth = cv2.distanceTransform(np.pad(mask[window], 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    rim = rng.uniform(0.6, 0.9)
    shade = (1 + light) * (rim + (1 - rim) * np.minimum(depth / (0.15 * thing.radius), 1))
    canvas[window][inside] = (colour * shade[..., None])[inside]


def _own_coordinates(thing: Thing, window: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the window's pixels in the object's own frame, each h×w `float32`."""
    dx = np.arange(window[1].start, window[1].stop) - thing.centre[0]
    dy = np.arange(window[0].start, window[0].stop)[:, None] - thing.centre[1]
    back: np.ndarray = np.linalg.inv(thing.frame)
    x, y = back[0, 0] * dx + back[0, 1] * dy, back[1, 0] * dx + back[1, 1] * dy
    return x.astype(np.float32), y.astype(np.float32)


def _pattern(rng: np.random.Generator, thing: Thing, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The object's texture in [0, 1], h×w: slightly turned, and warped like cloth."""
    # not below 5 image pixels: finer textures vanish in the blur
    period = max(rng.uniform(0.30, 0.44), 5 * OVERSAMPLING / thing.radius)
    turn, phase = rng.uniform(-0.15, 0.15), rng.uniform(0, 2 * np.pi, 2).tolist()
    cos, sin = math.cos(turn) / period, math.sin(turn) / period
    a, b = cos * x - sin * y, sin * x + cos * y
    a, b = a + 0.12 * np.sin(1.3 * b + phase[0]), b + 0.12 * np.sin(1.3 * a + phase[1])
    height = TEXTURES[thing.kind.texture](a.astype(np.float32), b.astype(np.float32), rng)
    return np.asarray(0.5 + 0.5 * np.tanh(2.5 * height), np.float32)


def _shadow(rng: np.random.Generator, canvas: np.ndarray, thing: Thing) -> None:
    """Paint the soft shadow of an object."""
    mask = np.zeros(canvas.shape[:2], np.uint8)
    offset = thing.radius * rng.uniform(0.03, 0.12) * np.array([1.0, 1.0])
    Thing(thing.kind, thing.centre + offset, thing.frame).fill(mask, 255)
    soft = cv2.GaussianBlur(mask, (0, 0), 0.06 * thing.radius).astype(np.float32) / 255
    canvas *= np.float32(1) - np.float32(rng.uniform(0.0, 0.45)) * soft[..., None]


def _photograph(rng: np.random.Generator, canvas: np.ndarray) -> np.ndarray:
    """Uneven light, contrast, slight blur and sensor noise; the image at its own size, RGB `uint8`."""
    size = len(canvas) // OVERSAMPLING
    image = np.asarray(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA), np.float32)
    image *= 1 + 0.12 * _cloud(rng, size, 3, 1)
    image = 0.5 + rng.uniform(0.75, 1.1) * (image - 0.5) + rng.uniform(-0.08, 0.08)
    blurred = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.7))
    noise = rng.uniform(0.005, 0.03) * rng.standard_normal(image.shape, np.float32)
    return np.asarray(np.rint(np.clip(blurred + noise, 0, 1) * 255), np.uint8)


# ------------------------------------------------------------------------------------------------- files


def draw(seed: int, split: str, number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """One image of the demo; it depends on nothing but these arguments.

    Args:
        seed: of the data set.
        split: `train`, `val` or `saliency`.
        number: of the image within its split.
        size: side in pixels.

    Returns:
        RGB `uint8` size×size×3 and its mask `uint8` size×size: 0 background, i the class `CLASSES[i - 1]`;
        in the split `saliency`, 1 is any object.
    """
    rng = np.random.default_rng([seed, SPLITS.index(split), number])
    kinds = _any_kinds(rng) if split == "saliency" else _class_kinds(rng, number)
    things, owner = _arrange(rng, kinds, size * OVERSAMPLING)
    canvas = _background(rng, size * OVERSAMPLING)
    for thing in things:
        _shadow(rng, canvas, thing)
        _paint(rng, canvas, thing)
    return _photograph(rng, canvas), _mask(things, owner)


def generate(folder: Path, seed: int, train: int, val: int, saliency: int, size: int) -> None:
    """Write the demo as a table data set: `images/`, `masks/` and, last, `labels.csv`.

    The same arguments write the same bytes; an image does not depend on how many others there are.

    Args:
        folder: created if missing; existing files are overwritten.
        seed: of the data set.
        train: number of training images.
        val: number of validation images.
        saliency: number of images of the class-agnostic split; their `labels` are empty.
        size: side of the square images in pixels.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("image", "labels", "split"))
    counts = zip(SPLITS, (train, val, saliency), strict=True)
    places = [(split, number) for split, count in counts for number in range(count)]
    write = partial(_write, folder, seed, size)
    # As many processes as this one may use cores, but none for a few images.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores > 1 and len(places) > MANY:
        with ProcessPoolExecutor(cores, initializer=cv2.setNumThreads, initargs=(0,)) as pool:
            writer.writerows(pool.map(write, places, chunksize=16))
    else:
        writer.writerows(map(write, places))
    write_text(folder / "labels.csv", table.getvalue())


def _write(folder: Path, seed: int, size: int, place: tuple[str, int]) -> tuple[str, str, str]:
    """Write the image and the mask of a split and number; their row of the table."""
    split, number = place
    image, mask = draw(seed, split, number, size)
    file = f"{split}-{number:05d}.png"
    with atomic_path(folder / "images" / file) as temporary:
        Image.fromarray(image).save(temporary, format="PNG", compress_level=3)
    write_labels(folder / "masks" / file, mask)
    present = set() if split == "saliency" else set(mask.ravel().tolist())
    names = (name for label, name in enumerate(CLASSES, start=1) if label in present)
    return file, "|".join(names), split
