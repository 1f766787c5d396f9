"""Methods: each is one file that declares its name, settings and constraints above the import of torch.

Planning, validating and documenting a run needs only the declarations, and importing torch takes two seconds and
600 MB. So a room's table runs a method's file down to its first heavy import. The rest runs when it is needed: a
network is built, or another module imports from the file.
"""

import ast
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from threading import RLock
from types import CodeType, ModuleType
from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, WithJsonSchema, model_validator

from weakseg.settings.section import Section

HEAVY = {"torch", "torchvision", "timm", "segmentation_models_pytorch", "numpy", "cv2", "onnxruntime"}
HEAVY |= {"weakseg.dataset.check"}  # what lists a data set stands on OpenCV
"""The first import of one of these ends the declarations."""
_lock = RLock()


class Method(Section):
    """The settings of a method, and the other declarations of its file.

    Attributes:
        name: as in the configuration. A name that ends with a slash declares a family: `timm/` all models of timm.
        made_by: name of the implementing class or function, below in the same file.
    """

    name: ClassVar[str]
    made_by: ClassVar[str]

    @classmethod
    def section(cls) -> str:
        """Name of its section in the configuration."""
        return cls.name.partition("/")[0]

    @classmethod
    def check_member(cls, member: str) -> None:
        """Of a family: check the name of a member, what follows the slash.

        Raises:
            ValueError: there is no such member.
        """

    @classmethod
    @cache
    def member(cls, name: str) -> type[Self]:
        """Of a family: the declaration of the member with this whole name."""
        return type(
            cls.__name__, (cls,), {"name": name, "__module__": cls.__module__, "__doc__": cls.__doc__}
        )

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

    It may hold families: `timm/resnet18` is a member of the family `timm/`. Iterating gives the names of the others.

    Args:
        package: package of the methods' files.
        places: `file.Class` of each declaration, in the order of users' lists.

    Attributes:
        families: prefix → declaration.
    """

    def __init__(self, package: str, *places: str) -> None:
        declared = []
        for place in places:
            file, _, name = place.partition(".")
            declared.append(getattr(declare(f"{package}.{file}"), name))
        self._take(declared)

    def _take(self, declared: Sequence[type[AnyMethod]]) -> None:
        self.families = {method.name: method for method in declared if method.name.endswith("/")}
        self._found = {method.name: method for method in declared if not method.name.endswith("/")}

    def where(self, fits: Callable[[type[AnyMethod]], bool]) -> "Methods[AnyMethod]":
        """The table of those that fit."""
        part: Methods[AnyMethod] = Methods("")
        part._take([method for method in (*self._found.values(), *self.families.values()) if fits(method)])
        return part

    def __getitem__(self, name: str) -> type[AnyMethod]:
        family, slash, member = name.partition("/")
        return self.families[family + slash].member(name) if slash and member else self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def names(self) -> str:
        """The names and families, for people."""
        return ", ".join([*self._found, *(f"{prefix}<name>" for prefix in self.families)])

    def known(self, name: str) -> str:
        """The name.

        Raises:
            ValueError: it is none of a method.
        """
        try:
            self[name]
        except KeyError:
            raise ValueError(f"Input should be one of {self.names()}, found {name!r}") from None
        family, slash, member = name.partition("/")
        if slash:
            self.families[family + slash].check_member(member)
        return name

    def field(self) -> Any:
        """The type of a field that names one of them."""
        if not self.families:
            return Literal[tuple(self)]
        schemas: list[dict[str, Any]] = [{"enum": list(self), "type": "string"}]
        schemas += [{"pattern": f"^{prefix}.+$", "type": "string"} for prefix in self.families]
        return Annotated[str, AfterValidator(self.known), WithJsonSchema({"anyOf": schemas})]


class Choice(Section):
    """A section that chooses one of a room's methods.

    `class SegmenterConfig(Choice, methods=NETWORKS)` has the field `method`, one of the table's names, and a section
    for each method with settings.
    """

    _key: ClassVar[str]
    _methods: ClassVar[Methods[Any]]

    def __init_subclass__(
        cls, methods: Methods[Any] | None = None, key: str = "method", **options: Any
    ) -> None:
        # pydantic collects the fields after this.
        if methods is not None:
            cls._key, cls._methods = key, methods
            fields: dict[str, Any] = {}
            for name, annotation in cls.__annotations__.items():
                fields[name] = annotation
                if name == key:
                    fields[name] = methods.field()
                    for method in (*methods.values(), *methods.families.values()):
                        if method.model_fields:
                            fields[method.section()] = method
                            setattr(cls, method.section(), method())
            cls.__annotations__ = fields
        super().__init_subclass__(**options)

    @property
    def own(self) -> Any:
        """The settings of the chosen method."""
        chosen = self._methods[getattr(self, self._key)]
        given = getattr(self, chosen.section(), None)
        return given if isinstance(given, chosen) else chosen(**(given.model_dump() if given else {}))

    def idle(self) -> set[str]:
        """The sections of the methods that were not chosen."""
        declared = (*self._methods.values(), *self._methods.families.values())
        chosen = self._methods[getattr(self, self._key)].section()
        return ({method.section() for method in declared} & set(type(self).model_fields)) - {chosen}

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
        return any({alias.name, alias.name.split(".")[0]} & HEAVY for alias in node.names)
    module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
    return bool({module, module.split(".")[0]} & HEAVY)
