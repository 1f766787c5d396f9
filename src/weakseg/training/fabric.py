"""Lightning Fabric without torchmetrics.

Fabric asks for the version of torchmetrics by importing it, and torchmetrics imports torchvision. Nothing of Fabric
that is used here needs it. Where the extra `detector` is installed, importing torch and Fabric takes 6 to 8 seconds of
CPU time this way and 10 otherwise, in every training (four runs each in turn, two cores of an Intel Xeon, Fabric 2.6).
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
