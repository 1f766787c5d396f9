"""Which networks stand on which backbones: the declarations that refuse a configuration and fill the docs' table."""

from typing import ClassVar

from weakseg.backbones import BACKBONES
from weakseg.backbones.timm_names import CONVOLUTIONAL, HIERARCHICAL, PLAIN
from weakseg.settings.section import Section

EVERY_KIND = frozenset({CONVOLUTIONAL, HIERARCHICAL, PLAIN})
OF_SEVERAL_RESOLUTIONS = frozenset({CONVOLUTIONAL, HIERARCHICAL})
_IN_WORDS = {
    CONVOLUTIONAL: "a convolutional network",
    HIERARCHICAL: "a transformer of several resolutions",
    PLAIN: "a plain transformer",
}


class OnBackbone(Section):
    """Declares what a network stands on.

    Attributes:
        name: of the method.
        backbones: architectures that it stands on, and the prefixes of families: `timm/`.
        kinds: of a family's members, those that it stands on.
        needs: what members of the other kinds do not have.
    """

    name: ClassVar[str]
    backbones: ClassVar[tuple[str, ...]]
    kinds: ClassVar[frozenset[str]] = EVERY_KIND
    needs: ClassVar[str] = ""

    @classmethod
    def refusal(cls, architecture: str) -> str | None:
        """Why it does not stand on a backbone, in one sentence without a full stop; `None` where it does."""
        family, slash, _ = architecture.partition("/")
        if family + slash not in cls.backbones:
            names = [name + "<name>" if name.endswith("/") else name for name in cls.backbones]
            listed = " or ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
            return f"{cls.name} stands on {listed}"
        kind = BACKBONES[architecture].kind()
        if kind not in cls.kinds:
            return f"{cls.name} needs {cls.needs}, which {_IN_WORDS[kind]} does not have"
        return None

    @classmethod
    def check_backbone(cls, architecture: str) -> None:
        """Refuse a backbone that it does not stand on.

        Raises:
            ValueError: with `refusal`.
        """
        refused = cls.refusal(architecture)
        if refused is not None:
            raise ValueError(f"backbone.architecture is {architecture}; {refused}")


def all_serving(room: str) -> tuple[str, ...]:
    """The backbones that a room's networks can have, the prefixes of families among them."""
    names = [*BACKBONES.values(), *BACKBONES.families.values()]
    return tuple(declared.name for declared in names if room in declared.rooms)
