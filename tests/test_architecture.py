"""Arrows point down only: the imports of the package, read without running it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
ROOMS = {"dataset", "saliency", "attention", "proxy", "affinity", "segmenter", "detector", "evaluation"}
BELOW = {"backbones", "training", "storage", "crf", "weights", "formats"}
ABOVE = {"report", "inspector", "exchange"}
"""May use every room, the configuration and the table of a run; only `cli.py` and `weakseg.load` know them, and the
other two the report."""
PLUGIN = "snakemake_logger_plugin_weakseg"
"""Shows a run in the terminal; its interface to Snakemake is a package of that name."""
EVERYWHERE = {"weakseg", "weakseg.compiled", "weakseg.devices", "weakseg.errors"}
SHARED = {
    "weakseg.dataset.index",
    "weakseg.dataset.records",
    "weakseg.dataset.image_names",
    "weakseg.dataset.images",
    "weakseg.dataset.data_options",
    "weakseg.dataset.rasters",
    "weakseg.dataset.raster_options",
}
"""What a room may use of another: the index is the only thing later stages know of a data set."""


def imports(tree: ast.Module, module: str, package: bool, known: set[str]) -> Iterator[str]:
    """Every module that `module` imports, at its top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: None if package else -1]
                above = above[: len(above) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield name if name in known else base


def violations(module: str, imported: str) -> str | None:
    """What rule `module` breaks by importing `imported`, if any."""
    if module.split(".")[0] == PLUGIN:
        return _of_plugin(imported)
    if imported.split(".")[0].startswith("snakemake"):
        return "nothing under src knows Snakemake but the logger plugin"
    if imported.split(".")[0] == "lightning_fabric" and module != "weakseg.training.fabric":
        return "Fabric is imported in training/fabric.py, which leaves torchmetrics out"
    if imported.split(".")[0] != "weakseg" or imported in EVERYWHERE:
        return None
    parts, target = module.split("."), imported.split(".")
    own = parts[1] if len(parts) > 1 else ""
    starts = own == "cli" or module == "weakseg"
    if target[1] in ABOVE - {own} and not starts and not (own in ABOVE and target[1] == "report"):
        return f"{target[1]} lies above; only cli.py and the package itself start it"
    if target[1] == "run":
        return (
            None
            if own in ("run", "cli", *ABOVE)
            else "only who shows or starts whole runs sees a run's table"
        )
    if target[1] == "settings":
        return None
    if own == "settings":
        return "settings knows no room"
    commands = own in ("cli", "config", "run", *ABOVE) or (own in ROOMS and parts[2:] == ["commands"])
    if target[1] == "config":
        return None if commands else "only a room's commands.py sees the whole configuration"
    if target[2:] == ["settings"] and target[1] in ROOMS - {own}:
        return None if commands else "a room sees its own settings"
    if own in BELOW and target[1] not in BELOW:
        return f"{own} lies below the rooms"
    if own in ROOMS and target[1] in ROOMS - {own} and imported not in SHARED:
        return "rooms meet in artefacts"
    return None


def _of_plugin(imported: str) -> str | None:
    """What the logger plugin breaks by an import: it reads a run's table and files, and has Snakemake's interface."""
    package = imported.split(".")[0]
    if package == "snakemake":
        return "the plugin knows Snakemake's interface for loggers alone"
    parts = imported.split(".")
    if package != "weakseg" or imported in EVERYWHERE or parts[1] in ("config", "run", "storage"):
        return None
    return (
        None
        if imported == "weakseg.evaluation.health.record"
        else "the plugin reads files and computes nothing"
    )


def house() -> dict[str, Path]:
    """Module name → file."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def test_every_folder_is_a_room_or_below() -> None:
    folders = {
        path.name for path in (SOURCE / "weakseg").iterdir() if path.is_dir() and path.name != "__pycache__"
    }
    assert folders == ROOMS | BELOW | ABOVE | {"config", "run", "settings"}


def test_arrows_point_down_only() -> None:
    modules = house()
    assert len(modules) > 30
    wrong = [
        f"{module} imports {imported}: {broken}"
        for module, path in modules.items()
        for imported in imports(ast.parse(path.read_text()), module, path.stem == "__init__", set(modules))
        if (broken := violations(module, imported))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("weakseg.proxy.rules.seenet", "import snakemake.utils"),
        ("weakseg.cli", "def f():\n    from snakemake import api"),
        ("weakseg.proxy.rules.seenet", "from weakseg.config import Config"),
        ("weakseg.proxy.rules.seenet", "from weakseg import config"),
        ("weakseg.proxy.rules.seenet", "from weakseg.saliency.settings import SaliencyConfig"),
        ("weakseg.options", "import weakseg.config"),
        ("weakseg.proxy.rules.seenet", "from weakseg.attention.network import load"),
        ("weakseg.proxy.rules.seenet", "from weakseg.attention import network"),
        ("weakseg.proxy.rules.seenet", "from ...attention import network"),
        ("weakseg.proxy.commands", "def f():\n    from weakseg.saliency.maps import Source"),
        ("weakseg.proxy.rules.seenet", "from weakseg.dataset.sources.table import list_table"),
        ("weakseg.storage.shards", "from weakseg.dataset.index import Record"),
        ("weakseg.formats.coco", "from weakseg.dataset.images import image_size"),
        ("weakseg.report.summary", "from weakseg.exchange.chosen import of_run"),
        ("weakseg.training.loop", "from weakseg.segmenter import largefov"),
        ("weakseg.training.loop", "from lightning_fabric import Fabric"),
        ("weakseg.weights.cache", "from weakseg.saliency.settings import SaliencyConfig"),
        ("weakseg.backbones.vgg", "from weakseg.config import Config"),
        ("weakseg.settings.section", "from weakseg.crf.settings import CrfConfig"),
        ("weakseg.segmenter.commands", "from weakseg.inspector.review import Reviews"),
        ("weakseg.storage.review", "from weakseg.inspector.review import Reviews"),
        ("weakseg.segmenter.prediction.model", "from weakseg.run.opened import open_table"),
        ("weakseg.proxy.commands", "def f():\n    from weakseg.run.table import Table"),
        ("weakseg.config.memory", "from weakseg.run import table"),
        ("weakseg.storage.previous", "from weakseg.run.table import Table"),
        ("weakseg.config.memory", "def f():\n    import weakseg.inspector.what_if"),
        ("weakseg.report.summary", "from snakemake_interface_logger_plugins.base import LogHandlerBase"),
        ("weakseg.report.summary", "import snakemake_logger_plugin_weakseg"),
        ("snakemake_logger_plugin_weakseg.ending", "from snakemake.logging import logger"),
        ("snakemake_logger_plugin_weakseg.ending", "from weakseg.report.summary import write_summary"),
    ],
)
def test_each_rule_catches_its_breach(module: str, line: str) -> None:
    found = imports(ast.parse(line), module, False, set(house()))
    assert [violations(module, imported) for imported in found] != [None]


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("weakseg.proxy.commands", "from weakseg.config import ProxyConfig"),
        ("weakseg.proxy.stages", "from weakseg.proxy.settings import RefineConfig"),
        ("weakseg.proxy.stages", "from weakseg.dataset.index import Index"),
        ("weakseg.proxy.stages", "from .rules import RULES"),
        ("weakseg.proxy.stages", "from weakseg.storage.labels import UNDECIDED"),
        ("weakseg.training.stage", "from weakseg.storage.weights import Weights"),
        ("weakseg.cli", "from weakseg.proxy.commands import proxy"),
        ("weakseg.cli", "from weakseg.inspector.commands import inspect"),
        ("weakseg.inspector.what_if", "from weakseg.proxy.stages import fuse"),
        ("weakseg.inspector.run", "from weakseg.report.progress import predictions"),
        ("weakseg.inspector.run", "from weakseg.run.opened import open_table"),
        ("weakseg.report.summary", "from weakseg.run.table import Table"),
        ("weakseg.run.table", "from weakseg.config import Config"),
        ("weakseg.backbones.weights", "from weakseg.weights.cache import ready"),
        ("weakseg.inspector.what_if", "from weakseg.config import ProxyConfig"),
        ("weakseg.inspector.server", "from .review import Reviews"),
        ("weakseg.exchange.chosen", "from weakseg.report.progress import located"),
        ("weakseg.segmenter.prediction.files", "from weakseg.formats.write import writing"),
        (
            "snakemake_logger_plugin_weakseg",
            "from snakemake_interface_logger_plugins.base import LogHandlerBase",
        ),
        ("snakemake_logger_plugin_weakseg.ending", "from weakseg.run.table import Table"),
    ],
)
def test_each_rule_lets_the_rest_through(module: str, line: str) -> None:
    found = imports(ast.parse(line), module, False, set(house()))
    assert [violations(module, imported) for imported in found] == [None]


def test_command_line_starts_without_heavy_libraries() -> None:
    heavy = [
        "torch",
        "torchvision",
        "cv2",
        "matplotlib",
        "h5py",
        "onnxruntime",
        "lightning_fabric",
        "snakemake",
        "fastapi",
        "uvicorn",
    ]
    code = f"import sys, weakseg.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_logger_plugin_starts_without_anything_heavy() -> None:
    """Every start of Snakemake imports it, in whatever folder, also `snakemake --version`."""
    code = f"import snakemake_interface_logger_plugins.base, sys; old = set(sys.modules); import {PLUGIN}; "
    code += "print(sorted({name.split('.')[0] for name in set(sys.modules) - old}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == f"['{PLUGIN}']", done.stderr


@pytest.mark.parametrize("module", ["inspector.server", "report.compare", "report.figures.montage"])
def test_runs_are_looked_at_without_torch(module: str) -> None:
    """It takes three seconds of every call."""
    code = f"import sys, weakseg.{module}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.slow
def test_networks_and_trainings_are_known_without_what_starts_slowly() -> None:
    """torchvision takes two seconds, torchmetrics with its SciPy one more, of every job of every run."""
    networks = [f"weakseg.{room}.network" for room in ("attention", "saliency", "segmenter")]
    modules = ", ".join(["weakseg.training.stage", *networks])
    slow = ["torchvision", "torchmetrics", "scipy.signal"]
    code = f"import sys, {modules}; print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr
    afterwards = subprocess.run(
        [
            sys.executable,
            "-c",
            "import weakseg.training.stage, torchmetrics; print(torchmetrics.__version__)",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert afterwards.returncode == 0, afterwards.stderr
