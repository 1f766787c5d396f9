"""The documentation site: `make docs` writes it to build/docs."""

import sys
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import weakseg
from weakseg.report import loaded
from weakseg.segmenter.prediction.model import Model, Prediction
from weakseg.segmenter.prediction.settings import PredictionConfig

sys.path.insert(0, str(Path(__file__).parent))
from reference import backbones, reference, weights

# Names that annotations of `loaded` alone use: it imports them for type checkers only.
vars(loaded).update(Image=Image, Model=Model, Prediction=Prediction, PredictionConfig=PredictionConfig)

project = "weakseg"
author = "The weakseg authors"
copyright = "2026, The weakseg authors"
version = release = weakseg.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
default_role = "code"  # docstrings have names in single backticks
napoleon_use_ivar = True  # attributes are a list, not entries of their own
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = f"weakseg {release}"
html_show_sphinx = False
html_copy_source = False
pygments_style = "tango"
pygments_dark_style = "monokai"

OTHERS = {
    "np.ndarray": "https://numpy.org/doc/stable/reference/generated/numpy.ndarray.html",
    "numpy.ndarray": "https://numpy.org/doc/stable/reference/generated/numpy.ndarray.html",
    "PIL.Image.Image": "https://pillow.readthedocs.io/en/stable/reference/Image.html#PIL.Image.Image",
    "os.PathLike": "https://docs.python.org/3/library/os.html#os.PathLike",
    "pathlib.Path": "https://docs.python.org/3/library/pathlib.html#pathlib.Path",
    "weakseg.segmenter.prediction.settings.PredictionConfig": "configuration.html",
    "collections.abc.Mapping": "https://docs.python.org/3/library/collections.abc.html#collections.abc.Mapping",
    "collections.abc.Sequence": "https://docs.python.org/3/library/collections.abc.html#collections.abc.Sequence",
}
"""Types in signatures that the API page does not describe → their pages. sphinx.ext.intersphinx would fetch indexes."""

ROOT = {"docs/": "", "../docs/": "", "SECURITY.md": "security.md", "CONTRIBUTING.md": "contributing.md"}
"""Beginning of a link in a file outside of docs/ → the same on this site."""


def of_another_library(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.Element
) -> nodes.reference | None:
    """A link to the page of another library's type; any other unknown name stays a warning."""
    address = OTHERS.get(node.get("reftarget", ""))
    return nodes.reference("", "", shown, refuri=address, internal=False) if address else None


def without_constructor(app: Sphinx, what: str, *_: object) -> tuple[str, str] | None:
    """Hide the arguments of a class: users get these objects from `weakseg.load`."""
    return ("", "") if what == "class" else None


def with_reference(app: Sphinx, name: str, source: list[str]) -> None:
    """Append the tables that are made from the code: all values of the configuration, published weights, and
    what stands on which backbone."""
    made = {"configuration": reference, "weights": weights, "backbones": backbones}
    if name in made:
        source[0] += made[name]()


def on_its_page(app: Sphinx, path: Path, name: str, content: list[str]) -> None:
    """Links of a file of the repository's root that a page includes: to the pages of this site."""
    for written, page in ROOT.items():
        content[0] = content[0].replace(f"]({written}", f"]({page}")


def setup(app: Sphinx) -> None:
    """Connect what this site adds to Sphinx."""
    app.connect("missing-reference", of_another_library)
    app.connect("autodoc-process-signature", without_constructor)
    app.connect("source-read", with_reference)
    app.connect("include-read", on_its_page)
    app.connect(
        "env-get-outdated", lambda *_: ["configuration", "weights", "backbones", "api"]
    )  # made from the code
