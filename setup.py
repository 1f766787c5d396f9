"""The wheel carries the workflow. Everything else about the package is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

WORKFLOW = ("Snakefile", "config.yaml", "workflow", "envs", "profiles")


class WithWorkflow(build_py):
    """Copies the workflow into `weakseg/pipeline/`. An editable installation uses the checkout (weakseg.installed).

    A mapping in `package-dir` would do the same, but breaks editable installations.
    """

    def run(self) -> None:
        """Build, then copy; what an earlier build left is replaced."""
        super().run()
        if self.editable_mode:
            return
        pipeline = Path(self.build_lib, "weakseg", "pipeline")
        shutil.rmtree(pipeline, ignore_errors=True)
        pipeline.mkdir(parents=True)
        for name in WORKFLOW:
            copy = shutil.copytree if Path(name).is_dir() else shutil.copy2
            copy(name, pipeline / name)


setup(cmdclass={"build_py": WithWorkflow})
