"""Lightning Fabric without what it imports to no purpose.

It asks for the version of torchmetrics by importing it, and torchmetrics imports torchvision and SciPy: three of the
eight seconds that a training takes to start where the extra `detector` is installed. Nothing of Fabric that is used
here needs it.
"""

import sys
from typing import Any, cast

_imported = sys.modules.get("torchmetrics")
if _imported is None:
    sys.modules["torchmetrics"] = cast(Any, None)  # Python's own way to say that a module cannot be imported
from lightning_fabric import Fabric  # noqa: E402
from lightning_fabric.plugins.environments.lightning import LightningEnvironment  # noqa: E402
from lightning_fabric.plugins.precision.precision import Precision  # noqa: E402
from lightning_fabric.strategies.ddp import DDPStrategy  # noqa: E402

if _imported is None:
    del sys.modules["torchmetrics"]

__all__ = ["DDPStrategy", "Fabric", "LightningEnvironment", "Precision"]
