"""The split that is made where a source has none: seeded, by class, and no group is torn."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from weakseg.dataset.dividing import SplitConfig, divided, division_line, groups_of
from weakseg.errors import InputError


def test_it_is_the_same_everywhere_and_has_every_class() -> None:
    labels = {str(number): ["dog"] * (number % 2) + ["cat"] * (number < 6) for number in range(40)}
    split = divided(labels)
    assert divided(dict(reversed(labels.items()))) == split
    assert divided(labels, seed=1) != split
    chosen = [name for name, of in split.items() if of == "val"]
    assert len(chosen) in range(4, 7)
    shown = [labels[name] for name in chosen]
    assert any("cat" in each for each in shown) and any("dog" in each for each in shown) and [] in shown


def test_the_share_is_of_each_class() -> None:
    labels = {str(number): ["dog"] if number < 300 else ["cat"] for number in range(400)}
    held = Counter(labels[name][0] for name, of in divided(labels, 0.25).items() if of == "val")
    assert held == {"dog": 75, "cat": 25}


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.frozensets(st.sampled_from("abcd"), max_size=3)),
        min_size=1,
        max_size=60,
    ),
    st.integers(0, 3),
)
def test_no_group_is_torn_and_no_class_is_only_for_validation(
    images: list[tuple[int, frozenset[str]]], seed: int
) -> None:
    labels = {str(number): sorted(names) for number, (_, names) in enumerate(images)}
    groups = {str(number): f"g{group}" for number, (group, _) in enumerate(images)}
    split = divided(labels, 0.2, seed, groups)
    of_group: dict[str, set[str]] = {}
    for image, of in split.items():
        of_group.setdefault(groups[image], set()).add(of)
    assert all(len(found) == 1 for found in of_group.values())
    for name in "abcd":
        found = {split[image] for image, names in labels.items() if name in names}
        assert found != {"val"}


def test_groups_of_one_image_divide_as_images_do() -> None:
    labels = {str(number): ["dog", "cat"][: number % 3] for number in range(90)}
    assert divided(labels, groups={name: name for name in labels}) == divided(labels)


def test_a_group_is_taken_that_fits() -> None:
    """Of ten videos of ten frames and one of forty, a tenth is one of ten."""
    groups = {f"{video}/{frame}": str(video) for video in range(10) for frame in range(10)}
    groups |= {f"long/{frame}": "long" for frame in range(40)}
    for seed in range(5):
        split = divided({key: ["dog"] for key in groups}, 0.1, seed, groups)
        held = [name for name, of in split.items() if of == "val"]
        assert len(held) == 10 and len({groups[name] for name in held}) == 1 and "long" not in held[0]


def test_the_expression_names_groups() -> None:
    assert groups_of(["p1/a.jpg", "p1/b.jpg", "p2/a.jpg"], r"^(\w+)/") == ["p1", "p1", "p2"]
    with pytest.raises(InputError, match=r"finds no group in 1 of 2 images \(b\.jpg\)"):
        groups_of(["p1/a.jpg", "b.jpg"], r"^(\w+)/")


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"group": "("}, "no regular expression"),
        ({"group": "patient_[0-9]+"}, "has no group; write parentheses"),
        ({"val": 0}, "greater than 0"),
        ({"val": 1.0}, "less than 1"),
        ({"seed": -1}, "greater than or equal to 0"),
    ],
)
def test_wrong_values_are_refused(values: dict[str, object], part: str) -> None:
    with pytest.raises(ValidationError, match=part):
        SplitConfig.model_validate(values)


def test_the_line_counts_images_and_groups() -> None:
    line = division_line(["train", "train", "val"], ["a", "a", "b"], SplitConfig())
    assert line == "divided by dataset.split (seed 0): 2 images of 1 group train, 1 image of 1 group val"
    assert division_line(["train", "val"], None, SplitConfig(seed=3)).endswith(
        "(seed 3): 1 image train, 1 image val"
    )
