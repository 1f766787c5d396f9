"""A configuration of which one value is given, and what is said where it is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from weakseg.config import Config
from weakseg.errors import InputError
from weakseg.settings.reading import parse


@pytest.fixture(scope="session")
def given() -> Callable[[str, Any], Config]:
    """`given("a.b", value)`: the configuration of `a: {b: value}`."""

    def parsed(path: str, value: Any) -> Config:
        for key in reversed(path.split(".")):
            value = {key: value}
        return parse(Config, value, "config.yaml")

    return parsed


@pytest.fixture(scope="session")
def refusal(given: Callable[[str, Any], Config]) -> Callable[[str, Any], str]:
    """`refusal("a.b", value)`: the sentence that refuses `a: {b: value}`."""

    def sentence(path: str, value: Any) -> str:
        with pytest.raises(InputError) as caught:
            given(path, value)
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith("config.yaml: ")
        return str(caught.value)

    return sentence
