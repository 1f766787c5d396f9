"""Methods: each is one file, which declares its name, its settings and its constraints above the import of torch.

Planning, validating and documenting a run needs the declarations alone, and torch takes two seconds and 600 MB. So
the part of a method's file above its first heavy import is run when the room's table is read, the rest when something
of it is asked for: a network is built, or another module imports from the file.
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
    """The settings of a method, and what its file declares beside them.

    Attributes:
        name: as in the configuration.
        made_by: name of the class or function in the same file, below the declaration, that does the work.
    """

    name: ClassVar[str]
    made_by: ClassVar[str]

    def check(self, section: Any) -> None:
        """Refuse a section of the configuration that the method does not work with.

        Args:
            section: the section that this method was chosen in.

        Raises:
            ValueError: what was found and what was expected.
        """

    @classmethod
    def maker(cls) -> Any:
        """The class or function that does the work; imports what it needs."""
        return getattr(sys.modules[cls.__module__], cls.made_by)


AnyMethod = TypeVar("AnyMethod", bound=Method)


class Methods(Mapping[str, type[AnyMethod]], Generic[AnyMethod]):
    """A room's table: name → declaration.

    Args:
        package: of the methods' files.
        places: `file.Class` of each declaration, in the order in which methods are listed for users.
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
    """A section that chooses one of a room's methods; each that has settings has a section of its name in it.

    `class SegmenterConfig(Choice, methods=NETWORKS)` has the field `method`, a name of the table, and the methods' own
    sections.
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
    """Runs some of the statements of a module's file, as an import runs all of them."""

    def __init__(self, module: str, path: str, body: Sequence[ast.stmt]) -> None:
        super().__init__(module, path)
        self._body = body

    def get_code(self, fullname: str) -> CodeType:
        """The statements, compiled."""
        code: CodeType = self.source_to_code(ast.Module(list(self._body), []), self.path)
        return code


def declare(name: str) -> ModuleType:
    """A method's module, of which the declarations are run; the rest waits until something of it is asked for."""
    with _lock:
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"{name} stands in a table of methods, but there is no such file")
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
    """Run the rest of a method's file and return what was asked for."""
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
