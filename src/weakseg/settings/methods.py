"""Methods: each is one file that declares its name, settings and constraints above the import of torch.

Planning, validating and documenting a run needs only the declarations, and importing torch takes two seconds and
600 MB. So a room's table runs a method's file down to its first heavy import. The rest runs when it is needed: a
network is built, or another module imports from the file.
"""

import ast
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from threading import RLock
from types import CodeType, ModuleType
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import model_validator

from weakseg.settings.section import Section

HEAVY = {"torch", "torchvision", "numpy", "cv2", "onnxruntime"}
"""The first import of one of these ends the declarations."""
_lock = RLock()


class Method(Section):
    """The settings of a method, and the other declarations of its file.

    Attributes:
        name: as in the configuration.
        made_by: name of the implementing class or function, below in the same file.
    """

    name: ClassVar[str]
    made_by: ClassVar[str]

    def check(self, section: Any) -> None:
        """Check the section of the configuration in which this method was chosen.

        Raises:
            ValueError: the method does not work with these settings.
        """

    @classmethod
    def maker(cls) -> Any:
        """The implementing class or function; imports its dependencies."""
        return getattr(sys.modules[cls.__module__], cls.made_by)


AnyMethod = TypeVar("AnyMethod", bound=Method)


class Methods(Mapping[str, type[AnyMethod]], Generic[AnyMethod]):
    """A room's table: name → declaration.

    Args:
        package: package of the methods' files.
        places: `file.Class` of each declaration, in the order of users' lists.
    """

    def __init__(self, package: str, *places: str) -> None:
        self._found: dict[str, type[AnyMethod]] = {}
        for place in places:
            file, _, name = place.partition(".")
            method = getattr(declare(f"{package}.{file}"), name)
            self._found[method.name] = method

    def __getitem__(self, name: str) -> type[AnyMethod]:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class Choice(Section):
    """A section that chooses one of a room's methods.

    `class SegmenterConfig(Choice, methods=NETWORKS)` has the field `method`, one of the table's names, and a section
    for each method with settings.
    """

    _key: ClassVar[str]
    _methods: ClassVar[Mapping[str, type[Method]]]

    def __init_subclass__(
        cls, methods: Mapping[str, type[Method]] | None = None, key: str = "method", **options: Any
    ) -> None:
        # pydantic collects the fields after this.
        if methods is not None:
            cls._key, cls._methods = key, methods
            fields: dict[str, Any] = {}
            for name, annotation in cls.__annotations__.items():
                fields[name] = annotation
                if name == key:
                    fields[name] = Literal[tuple(methods)]
                    for method in methods.values():
                        if method.model_fields:
                            fields[method.name] = method
                            setattr(cls, method.name, method())
            cls.__annotations__ = fields
        super().__init_subclass__(**options)

    @property
    def own(self) -> Any:
        """The settings of the chosen method."""
        chosen = getattr(self, self._key)
        return getattr(self, chosen) if chosen in type(self).model_fields else self._methods[chosen]()

    def idle(self) -> set[str]:
        """The sections of the methods that were not chosen."""
        return (set(self._methods) & set(type(self).model_fields)) - {getattr(self, self._key)}

    @model_validator(mode="after")
    def _suits_the_method(self) -> Self:
        self.own.check(self)
        return self


class _Part(SourceFileLoader):
    """Runs a part of the statements of a module's file."""

    def __init__(self, module: str, path: str, body: Sequence[ast.stmt]) -> None:
        super().__init__(module, path)
        self._body = body

    def get_code(self, fullname: str) -> CodeType:
        """The statements, compiled."""
        code: CodeType = self.source_to_code(ast.Module(list(self._body), []), self.path)
        return code


def declare(name: str) -> ModuleType:
    """A method's module after running its declarations; the rest runs when one of its names is used."""
    with _lock:
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"{name} is in a table of methods, but the file does not exist")
        body = ast.parse(Path(spec.origin).read_text(encoding="utf-8"), spec.origin).body
        heavy = next((number for number, node in enumerate(body) if _is_heavy(node)), len(body))
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        setattr(sys.modules[parent], child, module)  # as an import does
        _Part(name, spec.origin, body[:heavy]).exec_module(module)
        rest = _Part(name, spec.origin, body[heavy:])
        vars(module)["__getattr__"] = lambda attribute: _complete(module, rest, attribute)
        return module


def _complete(module: ModuleType, rest: _Part, attribute: str) -> Any:
    """Run the rest of a method's file and return the attribute."""
    with _lock:
        if not attribute.startswith("__") and vars(module).pop("__getattr__", None):
            rest.exec_module(module)
    if attribute not in vars(module):
        raise AttributeError(f"module {module.__name__!r} has no attribute {attribute!r}")
    return vars(module)[attribute]


def _is_heavy(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] in HEAVY for alias in node.names)
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in HEAVY
