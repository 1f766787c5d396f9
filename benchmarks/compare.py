"""Two measurements side by side: python benchmarks/compare.py OLD.json NEW.json"""

import json
from pathlib import Path

import click
from measure import lines

FILE = click.Path(path_type=Path, exists=True)


@click.command()
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
def main(old: Path, new: Path) -> None:
    """Print every figure of both files and new / old where both are numbers."""
    before, after = (dict(lines(json.loads(path.read_text(encoding="utf-8")))) for path in (old, new))
    for name in dict.fromkeys([*before, *after]):
        values = before.get(name, "–"), after.get(name, "–")
        click.echo(f"{name:55} {values[0]:>24} {values[1]:>24} {_ratio(*values):>8}")


def _ratio(old: str, new: str) -> str:
    try:
        return f"{float(new) / float(old):.2f}"
    except (ValueError, ZeroDivisionError):
        return ""


if __name__ == "__main__":
    main()
