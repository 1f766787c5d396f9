"""The file of an ablation: its base, its variants and its seeds."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, field_validator

from weakseg.config import Config
from weakseg.config.layers import KEY, read_values
from weakseg.errors import InputError, started_in
from weakseg.settings.reading import parse
from weakseg.settings.section import FilePath, RunName, Section, Seed

BASE = "base"
"""Name of the base in plans and tables, which no variant may have."""


class Ablation(Section):
    """What is compared."""

    base: FilePath
    """A configuration, such as my-run.yaml, or the name of a preset."""
    seeds: list[Seed] = Field([], max_length=100)
    """Seeds of every training that differs between the base and a variant; empty: the base's own, once."""
    variants: dict[RunName, dict[str, Any]] = Field(min_length=1, max_length=100)
    """Name → the values that differ from the base's, as in a configuration."""

    @field_validator("seeds")
    @classmethod
    def _differ(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds must differ, found {seeds}; give each once")
        return seeds

    @field_validator("variants")
    @classmethod
    def _are_named(cls, variants: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, values in variants.items():
            if name == BASE:
                raise ValueError(f"a variant is named {BASE}, as the base itself is in the table; rename it")
            if "run" in values:
                raise ValueError(f"variant {name} sets run, which weakseg ablate names; leave it out")
        return variants

    def base_values(self) -> dict[str, Any]:
        """The values of the base that differ from config.yaml, or its preset.

        Raises:
            InputError: the file cannot be read.
        """
        path = Path(self.base)
        if path.suffix in (".yaml", ".yml", ".json") or path.is_file():
            return read_values(path)
        return {KEY: self.base}


class _Unique(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping, of which YAML would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise InputError(
                    f"{self.name}, line {key.start_mark.line + 1}: {key.value} stands there for the second time; "
                    "rename one of both, or leave it out."
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_ablation(path: Path) -> Ablation:
    """Read an ablation's file.

    Raises:
        InputError: it cannot be read, holds an unknown key or a name twice, or its own name is not one for runs.
    """
    try:
        with path.open(encoding="utf-8") as file:
            values = _Unique(file).get_single_data()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}{started_in(path)}); correct the path."
        ) from None
    except (ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path} is not YAML ({' '.join(str(error).split())}); correct that line.") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no keys; base and variants were expected (docs/ablations.md).")
    parse(Config, {"run": path.stem}, f"the name of {path}, from which the runs have theirs")
    return parse(Ablation, values, str(path))
