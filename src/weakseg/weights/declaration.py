"""A published file of weights: what is known of it before it is fetched."""

import re
from dataclasses import dataclass
from typing import Literal

IMAGENET, DUTS = ("ImageNet", "image"), ("DUTS-TR masks", "pixels")
"""Training data in a few words, strongest labels."""
_REVISION = re.compile(r"/resolve/([0-9a-f]{40})/")


@dataclass(frozen=True)
class Known:
    """A published file.

    Attributes:
        name: what a configuration calls it.
        address: where it is published.
        size: bytes; where it ends in 000, rounded; 0: not known before it is fetched.
        sha256: all 64 digits, hexadecimal; or the first eight, which torchvision's and timm's file names hold; or
            empty: the hub tells it when the file is fetched.
        licence: its name.
        trained_on: its training data in a few words.
        labels: the strongest labels used: `pixels`, `image`, `none` or `unknown`.
        commercial: whether the licence allows commercial use; `None`: it has terms of its own. Unless `True`, the user
            has to accept the licence by name.
        architecture: the backbone that the weights belong to; empty for a saliency network.
        torchvision: torchvision's name of them.
        preset, side: of a saliency network: how it is used, as `preset` and `size` of `saliency.onnx`.
        file: name in the cache; empty: as in the address.
    """

    name: str
    address: str
    size: int
    sha256: str
    licence: str
    trained_on: str
    labels: str
    commercial: bool | None = True
    architecture: str = ""
    torchvision: str = ""
    preset: Literal["u2net", "isnet", "imagenet", "plain"] = "u2net"
    side: int = 320
    file: str = ""

    @property
    def file_name(self) -> str:
        """Name of the file in the cache."""
        return self.file or self.address.rsplit("/", 1)[-1]

    @property
    def page(self) -> str:
        """Where its terms can be read."""
        return self.address.split("/resolve/")[0]

    @property
    def megabytes(self) -> str:
        """Its size for people: `4.6 MB`."""
        if not self.size:
            return "size unknown"
        return f"{self.size / 1e6:.{0 if self.size > 1e7 else 1}f} MB"

    @property
    def whole_sha256(self) -> str | None:
        """Its SHA-256, if all digits are known."""
        return self.sha256 if len(self.sha256) == 64 else None

    @property
    def revision(self) -> str | None:
        """The commit of Hugging Face that the address names, if it does."""
        found = _REVISION.search(self.address)
        return found.group(1) if found else None

    @property
    def terms(self) -> str:
        """The licence for people: `CC-BY-NC-4.0 (not commercial)`."""
        remark = {True: "", False: " (not commercial)", None: " (terms of its own)"}
        return self.licence + remark[self.commercial]
