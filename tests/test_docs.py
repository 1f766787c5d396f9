"""The pages for users keep step with the code: links, presets, methods, formats and the entrance."""

import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from weakseg.config import Config
from weakseg.config.standing import kinds
from weakseg.storage import shards, weights
from weakseg.training.revisions import REVISIONS

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for folder in (".", "docs", "results", "benchmarks")
    for path in (ROOT / folder).glob("*.md")
    if path.name != "index.md"  # its links are the site's: sphinx-build compares them
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^(`{3,}).*?^\1", re.DOTALL | re.MULTILINE)


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    """docs/reference.py, which is a part of no package."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    titles = re.findall(r"^#+ (.*)$", CODE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    """As on the repository's own pages, where sphinx-build does not look."""
    broken = []
    for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" in link or link.startswith("<"):
            continue
        if not target.exists() or (heading and heading not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_readme_is_short_and_has_the_two_commands() -> None:
    readme = text("README.md")
    assert len(readme.splitlines()) <= 130
    for command in ("pip install -e . && snakemake --cores all", "pip install -e '.[test]' && pytest -n 2"):
        assert f"```sh\n{command}\n```" in readme


def test_every_preset_is_listed() -> None:
    page = text("docs/presets.md")
    names = [path.stem for path in (ROOT / "workflow" / "presets").glob("*.yaml")]
    assert [name for name in names if f"`{name}`" not in page] == []


@pytest.mark.parametrize("room", ["attention", "saliency", "segmenters", "proxies"])
def test_every_method_is_listed(room: str) -> None:
    field = {"segmenters": "segmenter", "proxies": "proxy"}.get(room, room)
    section = Config.model_fields[field].annotation
    assert section is not None
    methods = [*section._methods, *(f"{prefix}<name>" for prefix in section._methods.families)]
    rows = "\n".join(re.findall(r"^\|.*$", text(f"docs/{room}.md"), re.MULTILINE))
    assert [name for name in methods if f"`{name}`" not in rows] == []


def test_the_reference_describes_every_value(tables: ModuleType) -> None:
    """Every key has a row: in its section's table, or in that of the section that it shares with others."""
    written = tables.reference()
    for key, model, _ in tables.walk(Config, Config()):
        assert f"# `{key}`\n" in written
        for name, field in model.model_fields.items():
            if tables.nested(field) is None:
                assert f"| `{name}` |" in written, f"{key}.{name}"


def test_the_table_of_backbones_has_a_row_for_every_method(tables: ModuleType) -> None:
    rows = re.findall(r"^\| (\w+) \| `([^`]+)` \|((?: (?:yes|–) \|)+)$", tables.backbones(), re.MULTILINE)
    for room in ("attention", "saliency", "segmenter"):
        section = Config.model_fields[room].annotation
        assert section is not None
        named = {name for found, name, _ in rows if found == room}
        networks = {name for name, method in section._methods.items() if hasattr(method, "backbones")}
        assert networks - {"folder"} == {name for name in named if "/" not in name}
    assert {cells.count("|") for *_, cells in rows} == {len(kinds())}
    assert "backbones" in text("docs/index.md")


def test_the_reference_gives_the_default_of_its_place(tables: ModuleType) -> None:
    after = tables.reference().partition("# `segmenter.training`\n")[2]
    assert re.match(r"\n.*\n\n.*\n.*\n\| `iterations` \| [^|]* \| `16000` \|", after)


def test_formats_and_revisions_are_those_of_the_code() -> None:
    page = text("docs/promises.md")
    assert f"| `weights.pt` | `{weights.FORMAT}` |" in page
    assert f"| maps and scores (`*.h5`) | `{shards.FORMAT}` |" in page
    numbers = ", ".join(str(number) for number in REVISIONS.values())
    assert f"| trainings: {', '.join(REVISIONS)} | revision {numbers} |" in page


def test_the_citation_has_what_its_format_requires() -> None:
    citation = yaml.safe_load(text("CITATION.cff"))
    project = tomllib.loads(text("pyproject.toml"))["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert citation["authors"] == [{"name": "The weakseg authors"}]


def test_hooks_and_make_run_what_the_gate_runs() -> None:
    gate, makefile = text(".ci/run"), text("Makefile")
    hooks = [
        hook for repo in yaml.safe_load(text(".pre-commit-config.yaml"))["repos"] for hook in repo["hooks"]
    ]
    assert {hook["entry"].split()[0] for hook in hooks} == {"ruff", "mypy", "snakefmt"}
    assert {hook["language"] for hook in hooks} == {"system"}
    line = r"((?:ruff|mypy|snakefmt|snakemake|sphinx-build) ?.*)$"
    assert re.findall(rf"^step {line}", gate, re.MULTILINE) == re.findall(
        rf"^\t{line}", makefile, re.MULTILINE
    )


def test_the_diff_of_a_new_method_applies() -> None:
    done = subprocess.run(
        ["git", "apply", "--check", "docs/add_a_method.diff"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
