"""Where numba can keep nothing of what it compiles: a package of an administrator's, a user without a home."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
CODE = """
import numpy as np
from weakseg.crf import lattice
from weakseg.saliency.methods.unsupervised import barrier_distance
corners = np.array([[1, 0]], np.int32)
lattice._renumber(corners, np.array([7, 8], np.int32))
lattice._filter_of(1)
print(corners.tolist(), barrier_distance(np.eye(3, dtype=np.float32)).tolist()[1])
"""


def test_the_filters_compile_where_no_cache_can_be_written(tmp_path: Path) -> None:
    """Of a copy whose cache folders are files, so that not even root can write there."""
    shutil.copytree(SOURCE, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for room in ("crf", "saliency"):
        (tmp_path / "src" / "weakseg" / room / "__pycache__").write_text("no folder")
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment |= {
        "HOME": "/proc/nohome",
        "PYTHONPATH": str(tmp_path / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment.pop("XDG_CACHE_HOME", None)
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-400:]
    assert done.stdout.strip() == "[[8, 7]] [0.0, 1.0, 0.0]"
