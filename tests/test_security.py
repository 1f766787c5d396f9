"""Nothing in a file is executed, fetched files are known by their hash, and no text becomes a program."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEEDED = {
    "torch.load": {"weights_only": True},
    "np.load": {"allow_pickle": False},
    "get_state_dict": {"check_hash": True, "weights_only": True},  # torchvision's download
    "load_state_dict_from_url": {"check_hash": True, "weights_only": True},
    "Image.open": {"formats": ...},  # Pillow decodes some with other programs
}
"""Call → keyword arguments that it must have, with these values; `...` stands for any."""
FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load"),
    *("pickle", "cPickle", "marshal", "shelve", "joblib", "dill", "subprocess"),
}
"""Calls and modules that the package does without."""
STARTS_PROGRAMS = {"report/ablation/make.py"}
"""The one module that starts another program: Snakemake, by its words and without a shell."""
UNPACKS = {"dataset/download.py"}
"""The one module that unpacks an archive, through a filter."""
READS_ARCHIVES = {"formats/tree.py"}
"""The one module that reads ZIPs, member by member where they lie."""


def called(node: ast.Call) -> str:
    """`a.b.c()` → `b.c`, `c()` → `c`, and `?.c` where something unnamed stands before it."""
    function = node.func
    if isinstance(function, ast.Attribute):
        owner = function.value
        return f"{getattr(owner, 'attr', getattr(owner, 'id', '?'))}.{function.attr}"
    return getattr(function, "id", "?")


def faults(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            )
            yield from (f"imports {name}" for name in modules if name.split(".")[0] in FORBIDDEN)
        if not isinstance(node, ast.Call):
            continue
        name = called(node)
        if name in FORBIDDEN:
            yield f"line {node.lineno} calls {name}"
        needed = NEEDED.get(name) or NEEDED.get(name.rpartition(".")[2], {})
        given = {word.arg: getattr(word.value, "value", ...) for word in node.keywords}
        for word, value in needed.items():
            if word not in given or value not in (..., given[word]):
                yield f"line {node.lineno}: {name} without {word}={value}"
        if any(word.arg == "shell" for word in node.keywords):
            yield f"line {node.lineno}: {name} starts a shell"


def test_the_package_loads_and_starts_nothing_unsafe() -> None:
    files = sorted((ROOT / "src").rglob("*.py"))
    found = [
        (path.relative_to(ROOT / "src" / "weakseg").as_posix(), fault)
        for path in files
        for fault in faults(path.read_text(encoding="utf-8"))
    ]
    assert len(files) > 50
    assert found == [(name, "imports subprocess") for name in sorted(STARTS_PROGRAMS)]


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "Image.open(path)",
        "Weights.DEFAULT.get_state_dict(progress=False, check_hash=True)",
        "import pickle",
        "from subprocess import run",
        "yaml.load(text)",
        "eval('1')",
        "os.system('ls')",
        "anything.run('ls', shell=True)",
    ],
)
def test_each_rule_catches_its_breach(line: str) -> None:
    assert [*faults(line)] != []


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path, map_location='cpu', weights_only=True)",
        "with np.load(path, allow_pickle=False) as file: pass",
        "Image.open(path, formats=FORMATS)",
        "yaml.safe_load(text)",
        "network.eval()",
        "load(path).eval()",
        "re.compile('x')",
    ],
)
def test_each_rule_lets_the_rest_through(line: str) -> None:
    assert [*faults(line)] == []


def test_archives_are_unpacked_in_one_place_and_through_a_filter() -> None:
    unpacking = {
        path.relative_to(ROOT / "src" / "weakseg").as_posix(): path.read_text(encoding="utf-8")
        for path in (ROOT / "src").rglob("*.py")
        if "extract" in path.read_text(encoding="utf-8") and "tarfile" in path.read_text(encoding="utf-8")
    }
    assert set(unpacking) == UNPACKS
    assert all("extraction_filter" in text and "members=_checked" in text for text in unpacking.values())


def test_zips_are_read_in_one_place_and_never_unpacked() -> None:
    reading = {
        path.relative_to(ROOT / "src" / "weakseg").as_posix(): path.read_text(encoding="utf-8")
        for path in (ROOT / "src" / "weakseg").rglob("*.py")
        if "import zipfile" in path.read_text(encoding="utf-8")
    }
    assert set(reading) == READS_ARCHIVES
    assert not any(word in text for text in reading.values() for word in ("extract", "unpack_archive"))


def test_no_rule_runs_python_of_its_own() -> None:
    """Rules are commands that a person can paste; none reads a text of the configuration as a program."""
    rules = [*(ROOT / "workflow" / "rules").glob("*.smk"), ROOT / "Snakefile"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in rules)
    for word in ("script:", "run:", "notebook:", "os.system", "eval(", "exec(", "yaml.load("):
        assert f"\n    {word}" not in text
        assert word == "run:" or word not in text
