"""Values of the configuration at every bound, beyond it, and of every wrong kind: taken whole, or refused in a line."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weakseg.config import Config
from weakseg.errors import InputError
from weakseg.settings.reading import parse

WILD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(
        [0, -1, 1, 10**400, -(10**400), 2**63, 1e308, -0.0, 5e-324, math.nan, math.inf, -math.inf]
    ),
    st.sampled_from(
        ["", " ", "\0", "\n", "\ud800", "1e-3", "yes", "~", "../../x", "$(touch x)", "x" * 10_000]
    ),
    st.sampled_from([[], {}, [[]], {"": None}, [math.nan], [1, 2, 3], {"x": {"y": 1}}, b"bytes", 1j]),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
)
KEYS = st.one_of(st.text(max_size=8), st.sampled_from([1, None, True, "a\nb", "\ud800", "k" * 10_000]))


def leaves(section: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Path and schema of every value of the configuration."""
    if "$ref" in section:
        section = SCHEMA["$defs"][section["$ref"].removeprefix("#/$defs/")]
    if "properties" not in section:
        yield path, section
    for name, inner in section.get("properties", {}).items():
        yield from leaves(inner, (*path, name))


SCHEMA = Config.model_json_schema()
LEAVES = dict(leaves(SCHEMA))
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return value


def put(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set one value among others, unless one of them stands in place of its section."""
    for key in path[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            return
    values[path[-1]] = value


def taken_or_refused(values: dict[Any, Any]) -> Config | None:
    """What is taken can be written for the stages and read back the same; a refusal is one line."""
    try:
        config = parse(Config, values, "config.yaml")
    except InputError as error:
        assert str(error).startswith("config.yaml: ")
        assert str(error).isprintable()
        assert len(str(error)) < 3000
        return None
    written = json.dumps(config.model_dump(mode="json"), allow_nan=False)
    assert parse(Config, json.loads(written), "run.json") == config
    json.dumps(config.stages(), allow_nan=False)
    return config


def test_the_configuration_has_its_values() -> None:
    assert len(LEAVES) > 150
    assert sum(bound in value for value in LEAVES.values() for bound in BOUNDS) > 100


@given(path=st.sampled_from(sorted(LEAVES)), value=WILD)
def test_one_wild_value(path: tuple[str, ...], value: Any) -> None:
    taken_or_refused(nested(path, value))


@given(paths=st.lists(st.sampled_from(sorted(LEAVES)), min_size=2, max_size=6), data=st.data())
def test_several_wild_values(paths: list[tuple[str, ...]], data: st.DataObject) -> None:
    values: dict[str, Any] = {}
    for path in paths:
        put(values, path, data.draw(WILD))
    taken_or_refused(values)


@given(path=st.sampled_from(sorted(LEAVES)), key=KEYS, value=WILD)
def test_keys_that_do_not_exist(path: tuple[str, ...], key: Any, value: Any) -> None:
    where = path[:-1]
    if key in LEAVES or (*where, key) in LEAVES:
        return
    taken_or_refused(nested(where, {key: value}))


def test_a_key_that_was_once_found() -> None:
    """Pydantic calls a wrong key of a table so; here it is one's name."""
    for values in (
        {"[key]": 1},
        {"dataset": {"[key]": 1}},
        {"dataset": {"table": {"lists": {"[key]": "a"}}}},
    ):
        assert taken_or_refused(values) is None


TREES = st.recursive(WILD, lambda inner: st.dictionaries(KEYS, inner) | st.lists(inner), max_leaves=6)


@given(values=st.dictionaries(KEYS | st.sampled_from(sorted(Config.model_fields)), TREES, max_size=4))
def test_no_configuration_at_all(values: dict[Any, Any]) -> None:
    taken_or_refused(values)


def bounds() -> Iterator[tuple[tuple[str, ...], float, bool]]:
    """Path, value, and whether it is good: at every bound, and the next value beyond or within it."""
    for path, leaf in LEAVES.items():
        for option in leaf.get("anyOf", [leaf]):
            for bound in (name for name in BOUNDS if name in option):
                value, upwards = option[bound], bound.endswith("aximum")
                whole = option["type"] == "integer"
                above = value + 1 if whole else math.nextafter(value, math.inf)
                below = value - 1 if whole else math.nextafter(value, -math.inf)
                is_good = not bound.startswith("exclusive")
                yield path, value, is_good
                yield path, above if upwards == is_good else below, not is_good


@pytest.mark.parametrize("section", sorted({path[0] for path, _, _ in bounds()}))
def test_at_every_bound_and_next_to_it(section: str) -> None:
    for path, value, good in (case for case in bounds() if case[0][0] == section):
        told = f"{'.'.join(path)}: {value}"
        try:
            found: Any = parse(Config, nested(path, value), "config.yaml")
        except InputError as error:
            # A good value may not go with the others' defaults; a bad one is refused for itself.
            assert ("Input should be" in str(error)) != good, told
        else:
            assert good, told
            for key in path:
                found = getattr(found, key)
            assert found == value, told


CLASS_NAMES = st.lists(
    st.text(alphabet="ab ö;'\"$`|/\\,\n\0.-", min_size=1, max_size=6), min_size=1, max_size=4, unique=True
)


@given(names=CLASS_NAMES)
def test_class_names(names: list[str]) -> None:
    config = taken_or_refused({"dataset": {"classes": names}})
    if config is not None:
        for name in names:
            assert name == name.strip()
            assert not set(name) & set("|/\\,\n\0")
            assert name not in (".", "..")


@given(name=st.text(alphabet="aZ0._-/ \n;$`'\"{}~", max_size=12) | st.just("a" * 101))
def test_names_of_runs(name: str) -> None:
    for values in ({"run": name}, {"evaluation": {"ceiling": name}}):
        if taken_or_refused(values) is not None:
            assert set(name) <= set("aZ0._-")
            assert name[0] in "aZ0"
            assert len(name) <= 100


@pytest.mark.parametrize("path", ["dataset.classes", "dataset.table.all_classes"])
def test_the_255th_class_is_refused(path: str) -> None:
    names = [f"c{number}" for number in range(255)]
    keys = tuple(path.split("."))
    assert taken_or_refused(nested(keys, names[:254])) is not None
    assert taken_or_refused(nested(keys, names[:1])) is not None
    assert taken_or_refused(nested(keys, names)) is None


@pytest.mark.parametrize("path", ["a" * 256, "ü" * 128, "x/" * 2001, "", "a\0b", "a\nb", "{a}"])
def test_paths_that_no_file_can_have(path: str) -> None:
    """They would end in a traceback of the file system's or Snakemake's."""
    assert taken_or_refused({"dataset": {"table": {"labels": path}}}) is None
    assert taken_or_refused({"supervision": {"files": {path: {"data": "x"}}}}) is None


@pytest.mark.parametrize("path", ["a" * 255, "ü" * 127, "x/" * 2000, "; rm -rf x", "~/ü b", "<x>", "*"])
def test_paths_that_a_file_can_have(path: str) -> None:
    assert taken_or_refused({"dataset": {"table": {"labels": path}}}) is not None
