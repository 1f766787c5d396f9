"""Published weights of saliency networks and of torchvision.

Checksums and sizes of the saliency networks are those of rembg's release and of Hugging Face; torchvision's file names
hold the first eight digits of their SHA-256.
"""

from weakseg.weights.declaration import DUTS, IMAGENET, Known

REMBG = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/"
PYTORCH = "https://download.pytorch.org/models/"


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


TABLE = (
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
