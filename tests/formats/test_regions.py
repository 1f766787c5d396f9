"""Regions as polygons on the corners of pixels, and polygons as pixels by their centres."""

from collections.abc import Iterator

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from label_maps import label_map, wide_map
from weakseg.errors import InputError
from weakseg.formats.regions import keyhole, numbered, outside, paint, polygons, ring_of

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools

small_maps = arrays(
    np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 1, 2, 255])
)


def test_a_pixel_is_a_unit_square() -> None:
    labels = np.zeros((3, 4), np.uint8)
    labels[1, 2] = 7
    (region,) = polygons(labels, 0)
    assert (region.label, region.area) == (7, 1)
    assert {tuple(point) for point in region.rings[0].tolist()} == {(2, 1), (3, 1), (3, 2), (2, 2)}


@given(labels=small_maps)
def test_regions_are_valid_polygons_of_their_area(labels: np.ndarray) -> None:
    found = polygons(labels, 0)
    for label in (1, 2):
        own = [region for region in found if region.label == label]
        assert len(own) == numbered(labels == label)[0]
        assert sum(region.area for region in own) == (labels == label).sum()
    for region in found:
        polygon = shapely.Polygon(region.rings[0], region.rings[1:])
        assert polygon.is_valid
        assert polygon.area == region.area


@given(labels=small_maps, tolerance=st.sampled_from([0.0, 0.3, 0.49]))
def test_below_half_a_pixel_every_pixel_stays(labels: np.ndarray, tolerance: float) -> None:
    for rings_of in (lambda region: region.rings, lambda region: [keyhole(region.rings)]):
        found = np.zeros_like(labels)
        for region in polygons(labels, tolerance):
            paint(found, rings_of(region), region.label)
        assert np.array_equal(found, np.where(labels == 255, 0, labels))


@pytest.mark.parametrize("seed", range(0, 100, 7))
@pytest.mark.parametrize("tolerance", [0.5, 1.0, 3.0])
def test_simplified_polygons_stay_valid(seed: int, tolerance: float) -> None:
    labels = label_map(seed)
    found = polygons(labels, tolerance)
    assert len(found) == len(polygons(labels, 0))
    for region in found:
        assert shapely.Polygon(region.rings[0], region.rings[1:]).is_valid


def test_fewer_points_with_more_tolerance() -> None:
    counts = [
        sum(
            len(ring)
            for seed in range(10)
            for region in polygons(wide_map(seed), tolerance)
            for ring in region.rings
        )
        for tolerance in (0, 0.5, 1, 2)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[2] < counts[0] / 5


@given(
    points=st.lists(
        st.tuples(st.floats(-8, 28, width=16), st.floats(-8, 20, width=16)), min_size=3, max_size=8
    ),
)
def test_painting_is_the_even_odd_rule_at_pixel_centres(points: list[tuple[float, float]]) -> None:
    ring = np.array(points)
    found = np.zeros((12, 20), np.uint8)
    paint(found, [ring], 1)
    for row in range(12):
        for column in range(20):
            crossed = [*_crossings(points, row + 0.5)]
            if not any(abs(x - column - 0.5) < 1e-9 for x in crossed):  # rounding decides
                assert found[row, column] == sum(x < column + 0.5 for x in crossed) % 2


def _crossings(points: list[tuple[float, float]], y: float) -> Iterator[float]:
    """Where the sides of a polygon cross a row."""
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
        if (y0 <= y) != (y1 <= y):
            yield x0 + (y - y0) / (y1 - y0) * (x1 - x0)


def test_cocos_tools_fill_our_polygons_alike() -> None:
    for seed in range(20):
        labels = wide_map(seed)
        for region in polygons(labels, 0):
            own = np.zeros_like(labels)
            paint(own, region.rings[:1], 1)
            coded = coco_mask.frPyObjects([region.rings[0].ravel().tolist()], *labels.shape)
            assert np.array_equal(coco_mask.decode(coded)[..., 0], own)


def test_holes_are_cut_open_by_lines_inside_the_region() -> None:
    labels = np.ones((30, 30), np.uint8)
    labels[5:10, 5:10] = labels[5:10, 15:20] = labels[20:25, 12:17] = 0
    (region,) = polygons(labels, 0)
    ring = keyhole(region.rings)
    found = np.zeros_like(labels)
    paint(found, [ring], 1)
    assert np.array_equal(found, labels)
    area = (ring[:, 0] * np.roll(ring[:, 1], -1) - np.roll(ring[:, 0], -1) * ring[:, 1]).sum() / 2
    assert area == labels.sum()
    inside = shapely.Polygon(region.rings[0], region.rings[1:])
    sides = [shapely.LineString(pair) for pair in zip(ring, np.roll(ring, -1, axis=0), strict=True)]
    assert all(inside.covers(side) for side in sides)


@pytest.mark.parametrize(
    "points",
    [
        None,
        [],
        "abc",
        [[0, 0], [1, 1]],
        [[0, 0], [1], [2, 2]],
        [[0, 0], [1, float("nan")], [2, 2]],
        [[0, 1e300]] * 3,
    ],
)
def test_what_is_no_polygon_is_refused(points: object) -> None:
    with pytest.raises(InputError, match=r"^a\.json is not a polygon; at least three points"):
        ring_of(points, "a.json")


def test_polygons_beyond_the_image_are_cut_off_or_refused() -> None:
    square = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
    assert not outside(square, (10, 10), "it")
    assert not outside(square + 0.9, (10, 10), "it")
    assert outside(square + 5, (10, 10), "it")
    labels = np.zeros((10, 10), np.uint8)
    paint(labels, [square + np.array([5, -3])], 2)
    assert (labels == 2).sum() == 5 * 7
    assert (labels[:7, 5:] == 2).all()
    for away in ((10, 0), (0, 10), (-10, 0), (0, -10)):
        with pytest.raises(InputError, match="lies outside the image of 10×10 pixels"):
            outside(square + np.array(away), (10, 10), "it")
