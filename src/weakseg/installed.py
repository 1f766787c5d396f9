"""Where the workflow lies: Snakefile, config.yaml, workflow/, envs/ and profiles/."""

from pathlib import Path


def workflow() -> Path:
    """The folder of the Snakefile: `weakseg/pipeline/` of an installed wheel, or the checkout.

    The wheel's copy is made when it is built (setup.py); an editable installation has none and uses the checkout.
    """
    inside = Path(__file__).parent / "pipeline"
    return inside if inside.is_dir() else Path(__file__).parents[2]


def presets() -> Path:
    """The folder of the presets, `<name>.yaml`."""
    return workflow() / "workflow" / "presets"
