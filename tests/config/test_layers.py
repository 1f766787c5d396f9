"""The files of a configuration, laid over each other: config.yaml, a preset by name, the user's, the command line."""

from pathlib import Path

import pytest
import yaml

from weakseg.config import Config, schema
from weakseg.config.layers import laid, layered, names, read_values
from weakseg.errors import InputError
from weakseg.installed import presets
from weakseg.settings.reading import parse


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A config.yaml with three presets beside it: `upper` names `lower`, `round` and `trip` each other."""
    path = tmp_path / "shipped" / "config.yaml"
    folder = path.parent / "workflow" / "presets"
    folder.mkdir(parents=True)
    path.write_text("run: shipped\npreset: null\nproxy: {a: 0, b: 0, c: 0, d: 0, e: 0}\n")
    (folder / "lower.yaml").write_text("run: lower\nproxy: {b: 1, c: 1, d: 1, e: 1}\n")
    (folder / "upper.yaml").write_text("preset: lower\nproxy: {c: 2, d: 2, e: 2}\n")
    (folder / "round.yaml").write_text("preset: trip\n")
    (folder / "trip.yaml").write_text("preset: round\n")
    return path


def _file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_each_layer_wins_over_those_below_it(shipped: Path, tmp_path: Path) -> None:
    mine = _file(tmp_path, "mine.yaml", "run: mine\npreset: upper\nproxy: {d: 3, e: 3}\n")
    values = layered([mine], ["proxy={e: 4}", "shards=5"], shipped)
    assert values == {
        "run": "mine",
        "preset": "upper",
        "shards": 5,
        "proxy": {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4},
    }


def test_the_last_file_and_the_command_line_choose_the_preset(shipped: Path, tmp_path: Path) -> None:
    first = _file(tmp_path, "first.yaml", "preset: upper\n")
    second = _file(tmp_path, "second.yaml", "preset: lower\nproxy: {e: 7}\n")
    assert layered([first, second], (), shipped)["proxy"] == {"a": 0, "b": 1, "c": 1, "d": 1, "e": 7}
    assert layered([first], ["preset=null"], shipped)["proxy"] == {"a": 0, "b": 0, "c": 0, "d": 0, "e": 0}
    assert layered([], ["preset=lower"], shipped)["run"] == "lower"


def test_a_resolved_configuration_is_not_changed_by_its_preset(shipped: Path, tmp_path: Path) -> None:
    """Rule `report` starts Snakemake on configs/run.json, which holds every value and the preset's name."""
    values = layered([], ["preset=upper", "proxy={b: 9}"], shipped)
    again = _file(tmp_path, "run.json", yaml.safe_dump(values, default_flow_style=True))
    assert layered([again.rename(again.with_suffix(".yaml"))], (), shipped) == values


def test_json_keeps_numbers_that_yaml_reads_as_text(tmp_path: Path) -> None:
    assert read_values(_file(tmp_path, "run.json", '{"rate": 1e-05}')) == {"rate": 1e-05}


def test_null_over_a_section_and_a_section_over_null_replace_it() -> None:
    below = {"a": {"b": 1}, "c": None}
    assert laid(below, {"a": None, "c": {"d": 2}}) == {"a": None, "c": {"d": 2}}
    assert below == {"a": {"b": 1}, "c": None}


def test_an_unknown_preset_is_told_with_the_names_that_exist(shipped: Path) -> None:
    with pytest.raises(InputError) as caught:
        layered([], ["preset=photo"], shipped)
    assert str(caught.value).startswith("preset is 'photo'; one of lower, round, trip, upper was expected")


def test_presets_that_name_each_other_are_told(shipped: Path) -> None:
    with pytest.raises(InputError, match="presets round and trip name each other"):
        layered([], ["preset=round"], shipped)


def test_a_preset_is_a_name(shipped: Path) -> None:
    values = layered([], ["preset=[lower]"], shipped)
    with pytest.raises(InputError, match="'preset': Input should be a valid string"):
        parse(Config, {"preset": values["preset"]}, "mine.yaml")


@pytest.mark.parametrize(
    ("text", "part"),
    [("a: [", "is not YAML"), ("- a", "holds list; keys with values"), (None, "No such file")],
)
def test_a_file_that_is_no_configuration_is_told(tmp_path: Path, text: str | None, part: str) -> None:
    path = tmp_path / "mine.yaml" if text is None else _file(tmp_path, "mine.yaml", text)
    with pytest.raises(InputError, match=part):
        read_values(path)


def test_a_value_of_the_command_line_that_is_no_yaml_is_told(shipped: Path) -> None:
    with pytest.raises(InputError, match=r"--config 'proxy=\{a: 1' is not YAML"):
        layered([], ["proxy={a: 1"], shipped)


def test_messages_name_the_users_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = [tmp_path / "mine.yaml", Path("/elsewhere/over.yaml")]
    assert names(files, tmp_path / "config.yaml") == "mine.yaml, /elsewhere/over.yaml"
    assert names([], tmp_path / "config.yaml") == "config.yaml"


def test_the_installed_configuration_is_the_default() -> None:
    values = layered([], ["preset=photographs"])
    assert values["attention"]["backbone"]["architecture"] == "vgg16"
    assert parse(Config, values, "photographs").preset == "photographs"


def test_editors_complete_the_presets_names() -> None:
    known = {path.stem for path in presets().glob("*.yaml")}
    assert "photographs" in known
    assert all(f'"{name}"' in schema() for name in known)
