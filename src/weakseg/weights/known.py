"""The table of published weights that a configuration may name, such as `u2netp` or `vgg16`.

A name never changes its file: other weights get another name. Checksums and sizes of the saliency networks are those of
rembg's release and of Hugging Face; torchvision's file names hold the first eight digits of their SHA-256.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

REMBG = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/"
PYTORCH = "https://download.pytorch.org/models/"
IMAGENET, DUTS = ("ImageNet", "image"), ("DUTS-TR masks", "pixels")
TORCHVISION = ("IMAGENET1K_V1", "IMAGENET1K_FEATURES")
"""Torchvision's own names: which file they mean depends on the architecture."""


@dataclass(frozen=True)
class Known:
    """A published file.

    Attributes:
        name: what a configuration calls it.
        address: where it is published.
        size: bytes; where it ends in 000, rounded as torchvision has it.
        sha256: all 64 digits, hexadecimal, or the first eight, which torchvision's file names hold.
        licence: its name.
        trained_on: its training data in a few words.
        labels: the strongest labels used: `pixels` or `image`.
        commercial: whether the licence allows commercial use; if not, the user has to accept it by name.
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
    commercial: bool = True
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
        return f"{self.size / 1e6:.{0 if self.size > 1e7 else 1}f} MB"

    @property
    def whole_sha256(self) -> str | None:
        """Its SHA-256, if all digits are known."""
        return self.sha256 if len(self.sha256) == 64 else None


def _imagenet(
    name: str, file: str, size: int, sha256: str, torchvision: str, licence: str = "BSD-3-Clause"
) -> Known:
    """Weights of torchvision's; `resnet50-v2` belongs to `resnet50`."""
    return Known(
        name,
        PYTORCH + file,
        size,
        sha256,
        licence,
        *IMAGENET,
        architecture=name.split("-")[0],
        torchvision=torchvision,
    )


_ALL = (
    Known(
        "u2netp",
        f"{REMBG}u2netp.onnx",
        4_574_861,
        "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
        "Apache-2.0",
        *DUTS,
    ),
    Known(
        "u2net",
        f"{REMBG}u2net.onnx",
        175_997_641,
        "8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
        "Apache-2.0",
        *DUTS,
    ),
    Known(
        "isnet-general-use",
        f"{REMBG}isnet-general-use.onnx",
        178_648_008,
        "60920e99c45464f2ba57bee2ad08c919a52bbf852739e96947fbb4358c0d964a",
        "Apache-2.0",
        "DIS5K masks, extended",
        "pixels",
        preset="isnet",
        side=1024,
    ),
    Known(
        "bria-rmbg-1.4",
        "https://huggingface.co/briaai/RMBG-1.4/resolve/2ceba5a5efaec153162aedea169f76caf9b46cf8/onnx/model.onnx",
        176_153_355,
        "8cafcf770b06757c4eaced21b1a88e57fd2b66de01b8045f35f01535ba742e0f",
        "bria-rmbg-1.4",
        "BRIA's masks",
        "pixels",
        commercial=False,
        preset="isnet",
        side=1024,
        file="bria-rmbg-1.4.onnx",
    ),
    _imagenet(
        "vgg16",
        "vgg16-397923af.pth",
        553_433_881,
        "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        "IMAGENET1K_V1",
    ),
    _imagenet(  # Oxford's own, ported from Caffe
        "vgg16-features",
        "vgg16_features-amdegroot-88682ab5.pth",
        553_440_000,
        "88682ab5",
        "IMAGENET1K_FEATURES",
        "CC-BY-4.0",
    ),
    _imagenet(
        "inception_v3",
        "inception_v3_google-0cc3c7bd.pth",
        108_949_747,
        "0cc3c7bd75056d25e46cba549dc184522069b81e9787eff6df84f397bd52a5ef",
        "IMAGENET1K_V1",
    ),
    _imagenet(
        "alexnet",
        "alexnet-owt-7be5be79.pth",
        244_408_911,
        "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        "IMAGENET1K_V1",
    ),
    _imagenet(
        "resnet50",
        "resnet50-0676ba61.pth",
        102_530_333,
        "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
        "IMAGENET1K_V1",
    ),
    _imagenet(
        "resnet50-v2",
        "resnet50-11ad3fa6.pth",
        102_540_417,
        "11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca",
        "IMAGENET1K_V2",
    ),
    _imagenet(
        "resnet101",
        "resnet101-63fe2227.pth",
        178_794_000,
        "63fe2227b86e8f1f2063f43a75c84d195911b6a0eace650907dd3dc62dd49a0a",
        "IMAGENET1K_V1",
    ),
    _imagenet("resnet101-v2", "resnet101-cd907fc2.pth", 178_814_000, "cd907fc2", "IMAGENET1K_V2"),
    _imagenet(
        "mobilenet_v3_large", "mobilenet_v3_large-8738ca79.pth", 22_140_000, "8738ca79", "IMAGENET1K_V1"
    ),
    _imagenet(
        "mobilenet_v3_large-v2", "mobilenet_v3_large-5c1a4163.pth", 22_132_000, "5c1a4163", "IMAGENET1K_V2"
    ),
)
KNOWN: dict[str, Known] = {known.name: known for known in _ALL}
"""Name → published file."""
RECOGNISED = {
    "2244426755fc64ed74a6be95b3f680826d9f41df98ac4b93a7497af9c8a09555": IMAGENET,  # VGG16's 13 layers, float16
}
"""SHA-256 of files without a published address → training data, strongest labels."""


def find(value: str, architecture: str = "") -> Known | None:
    """The published file that a value of the configuration names; `None` for a path, and for a file that exists.

    Args:
        value: a name of `KNOWN` or, with an architecture, one of `TORCHVISION`.
        architecture: the backbone whose weights are asked for; empty for a saliency network.
    """
    if value in TORCHVISION:
        same = (each for each in KNOWN.values() if each.architecture == architecture)
        return next((each for each in same if each.torchvision == value), None)
    if "/" in value or Path(value).is_file():
        return None
    return KNOWN.get(value)


def trained_on(digest: str) -> tuple[str, str] | None:
    """Training data and strongest labels of a file with this SHA-256, if it is known."""
    for known in KNOWN.values():
        if digest.startswith(known.sha256):
            return known.trained_on, known.labels
    return RECOGNISED.get(digest)


def near(value: str, architecture: str = "") -> str:
    """What to write instead of a value that is neither a file nor a name."""
    fitting = [each.name for each in KNOWN.values() if each.architecture == architecture]
    close = difflib.get_close_matches(value, fitting, n=2, cutoff=0.5) or fitting[:3]
    return f"{' or '.join(close)} (all names: weakseg weights list)"


def check_use(value: str, architecture: str = "") -> None:
    """Refuse a name of weights that belong to something else.

    Raises:
        ValueError: they do.
    """
    known = find(value, architecture)
    if known is not None and known.architecture != architecture:
        belongs = f"names weights of {known.architecture}" if known.architecture else "is a saliency network"
        wanted = f"those of {architecture} were" if architecture else "a saliency network was"
        raise ValueError(f"{value} {belongs}, and {wanted} expected: {near(value, architecture)}")
