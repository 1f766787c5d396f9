"""The schema, the descriptions and the presets that the repository holds are in step with the models."""

import copy
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from weakseg.config import Config, Section, parse, schema

ROOT = Path(__file__).parents[2]
PRESETS = sorted((ROOT / "workflow" / "presets").glob("*.yaml"))


def test_schema_in_step() -> None:
    committed = (ROOT / "workflow" / "config.schema.json").read_text(encoding="utf-8")
    assert committed == schema(), (
        "config.py changed; run: "
        "python -c 'from weakseg.config import schema; print(schema(), end=\"\")' > workflow/config.schema.json"
    )


def sections(model: type[Section]) -> set[type[Section]]:
    found = {model}
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            found |= sections(field.annotation)
    return found


def test_every_knob_is_described() -> None:
    lacking = [
        f"{model.__name__}.{name}"
        for model in sections(Config)
        for name, field in model.model_fields.items()
        if not field.description and field.annotation not in sections(Config)
    ]
    assert lacking == []


def test_presets_are_found() -> None:
    assert PRESETS


@pytest.mark.parametrize("preset", [None, *PRESETS], ids=lambda path: path.stem if path else "config.yaml")
def test_committed_configuration_is_valid(preset: Path | None) -> None:
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    bare = copy.deepcopy(values)
    if preset is not None:
        update_config(values, yaml.safe_load(preset.read_text(encoding="utf-8")))  # Snakemake's own merge
        assert values != bare
    parse(Config, values, str(preset))
