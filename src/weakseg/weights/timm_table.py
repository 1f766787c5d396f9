"""Weights of timm that are in the table: a good start for each kind of backbone, the small ones first.

timm's releases hold the first eight digits of their SHA-256 in the file name. Whole SHA-256 and revisions are those of
the file at Hugging Face; where none stands here, the hub tells it when the file is fetched, and the cache records it.
Any other weights of timm have a name too: see `known.find`.
"""

import re
from typing import NamedTuple

from weakseg.weights.declaration import Known
from weakseg.weights.supervision import licensed, supervised
from weakseg.weights.timm_source import HUB, Published

RELEASES = "https://github.com/huggingface/pytorch-image-models/releases/download/"
_DIGITS = re.compile(r"-([0-9a-f]{8})\.\w+$")


class _Row(NamedTuple):
    """Name, size in bytes (rounded up where it ends in 000), file of a release or revision, SHA-256, licence."""

    name: str
    size: int
    source: str = "main"
    sha256: str = ""
    licence: str = "apache-2.0"


_ROWS = (
    _Row("tf_efficientnet_lite0.in1k", 18_900_000, "v0.1-weights/tf_efficientnet_lite0-0aa007d2.pth"),
    _Row("tf_efficientnet_lite1.in1k", 22_000_000, "v0.1-weights/tf_efficientnet_lite1-bde8b488.pth"),
    _Row("tf_efficientnet_lite2.in1k", 24_700_000, "v0.1-weights/tf_efficientnet_lite2-dcccb7df.pth"),
    _Row("tf_efficientnet_lite3.in1k", 33_200_000, "v0.1-weights/tf_efficientnet_lite3-b733e338.pth"),
    _Row("tf_efficientnet_lite4.in1k", 52_600_000, "v0.1-weights/tf_efficientnet_lite4-741542c3.pth"),
    _Row(
        "efficientnet_b0.ra_in1k",
        21_355_344,
        "1b5383e5f79cc0f7fc067e372f8f26a5fa73f26a",
        "d569899762ea9b1384ee07f4af64805cf8caa1c55f9253ebb1080dc40e87a2cd",
    ),
    _Row(
        "mobilenetv3_small_100.lamb_in1k", 10_300_000, "v0.1-weights/mobilenetv3_small_100_lamb-266a294c.pth"
    ),
    _Row("mobilenetv3_large_100.ra_in1k", 22_100_000, "v0.1-weights/mobilenetv3_large_100_ra-f55367f5.pth"),
    _Row(
        "mobilenetv4_conv_small.e2400_r224_in1k",
        15_223_016,
        "331fb803779522b685cf942e15f914fb6741c1eb",
        "7a7102ec18f62bbfb555b6fe829bbb5af749516b84174926c29ffdfdfc03aec4",
    ),
    _Row("mobilenetv4_conv_medium.e500_r256_in1k", 39_200_000),
    _Row("resnet18.a1_in1k", 46_900_000, "v0.1-rsb-weights/resnet18_a1_0-d63eafa0.pth"),
    _Row("resnet34.a1_in1k", 87_400_000, "v0.1-rsb-weights/resnet34_a1_0-46f8f793.pth"),
    _Row(
        "resnet50.a1_in1k",
        102_469_840,
        "main",
        "773525d5821de224f8f30c33377b7a795d7863e08522698200d3217d3f2a41bb",
    ),
    _Row(  # torchvision's IMAGENET1K_V1
        "resnet50.tv_in1k",
        102_469_840,
        "78f3ecfdb38e06d9b8397f662e7ab8fee96026fa",
        "5d061a3c593d795bfe682d9b152bafbcf550579873492def3515b46db1189888",
        "bsd-3-clause",
    ),
    _Row("resnet101.a1h_in1k", 178_800_000, "v0.1-rsb-weights/resnet101_a1h-36d3f2aa.pth"),
    _Row("regnetz_b16.ra3_in1k", 39_200_000, "v0.1-attn-weights/regnetz_b_raa-677d9606.pth"),
    _Row("regnety_032.ra_in1k", 78_200_000, "v0.1-weights/regnety_032_ra-7f2439f9.pth"),
    _Row("hrnet_w18_small_v2.ms_in1k", 62_700_000, licence="mit"),
    _Row("convnext_atto.d2_in1k", 14_900_000, "v0.1-rsb-weights/convnext_atto_d2-01bb0f51.pth"),
    _Row("convnext_femto.d1_in1k", 20_900_000, "v0.1-rsb-weights/convnext_femto_d1-d71d5b4c.pth"),
    _Row("convnext_pico.d1_in1k", 36_300_000, "v0.1-rsb-weights/convnext_pico_d1-10ad7f0d.pth"),
    _Row("convnext_nano.d1h_in1k", 62_500_000, "v0.1-rsb-weights/convnext_nano_d1h-7eb4bdea.pth"),
    _Row(
        "convnext_tiny.fb_in1k",
        114_374_272,
        "b43a6303c9fcf176d2d707478a128c2c91e93528",
        "08b9dc9c3a3a29421de7996761e176501896d1ae7fc3085cf56a643772329276",
    ),
    _Row(
        "convnext_tiny.in12k_ft_in1k",
        114_374_272,
        "aa096f03029c7f0ec052013f64c819b34f8ad790",
        "a1aefa409b513cf209b085424eb3efffe4e4a9f511491bc2c12ea35209e6bb95",
    ),
    _Row("convnextv2_atto.fcmae_ft_in1k", 14_900_000, licence="cc-by-nc-4.0"),
    _Row(
        "swin_tiny_patch4_window7_224.ms_in1k",
        114_286_722,
        "4cc3a7275b50b53a7bec45f32c236ebe64227cff",
        "fb01861f793143135fa0d6cd97b1631e4b33eaa3ee162bbea9e62de1c76ebac1",
        "mit",
    ),
    _Row("maxvit_nano_rw_256.sw_in1k", 62_100_000, "v0.1-weights-maxx/maxvit_nano_rw_256_sw-fb127241.pth"),
    _Row("maxvit_tiny_rw_224.sw_in1k", 116_600_000, "v0.1-weights-maxx/maxvit_tiny_rw_224_sw-7d0dffeb.pth"),
    _Row("pvt_v2_b0.in1k", 14_700_000),
    _Row("pvt_v2_b2.in1k", 101_500_000),
    _Row(
        "vit_tiny_patch16_224.augreg_in21k_ft_in1k",
        22_900_000,
        "7d3afdd0cf93ad84d986eb2d6bcc5812ebd0b106",
        "fecf81b492bd13ee7a5297cb74d1d417aac8bf7e1b7d96aed89c4691984587ed",
    ),
    _Row(
        "vit_small_patch16_224.augreg_in21k_ft_in1k",
        88_216_496,
        "7e2c55630205e1266030f18370f4c6ed1a514b52",
        "79c03c635cdfd798a364a9d8c4e5c0b7255b975ea2c9616046d4f77ab01435aa",
    ),
    _Row(
        "vit_small_patch14_dinov2.lvd142m",
        88_240_510,
        "4476dc0c66daca2ef4a40d2625b4a7063f02b685",
        "04d27f3400d059fc0cfd7d17dd1909a75bf3ea8fb3eeb48b97cb99e57ee20081",
    ),
    _Row("vit_small_patch14_reg4_dinov2.lvd142m", 88_300_000, "c04b5193082a8d5b0c4856c7937384a48136c5de"),
    _Row(
        "vit_small_patch16_dinov3.lvd1689m",
        86_362_376,
        "3bf4720a82ec2066db88137180ff1f83a675cef0",
        "2a1ec16ae28ffa07bc0ead0241ee7df9fc26451fe6f9f839b7b3afa0a906b040",
        "dinov3-license",
    ),
    _Row("eva02_tiny_patch14_224.mim_in22k", 22_100_000, licence="mit"),
    _Row(
        "eva02_small_patch14_224.mim_in22k",
        86_499_188,
        "79c7d4274f6dbf202549d8f976ae24eeaf97e5ad",
        "d3d632352efbd0a0a8269dce114ab8a214833f85ce6f738860221f11ab0f0c2f",
        "mit",
    ),
)


def of_timm(name: str, source: Published, size: int = 0, sha256: str = "") -> Known:
    """Weights of timm by name: architecture, supervision and licence follow from the name and from what timm states.

    A file name that ends in eight digits of a SHA-256 tells them; files of Hugging Face all have one name, and get that
    of the weights in the cache.
    """
    digits = _DIGITS.search(source.address)
    licence, commercial = licensed(source.licence)
    return Known(
        name,
        source.address,
        size,
        sha256 or (digits.group(1) if digits else ""),
        licence,
        *supervised(name),
        commercial=commercial,
        architecture=f"timm/{name.partition('.')[0]}",
        file=f"{name}.safetensors" if source.address.startswith(HUB) else "",
    )


def _known(row: _Row) -> Known:
    release = f"{RELEASES}{row.source}"
    hub = f"{HUB}timm/{row.name}/resolve/{row.source}/model.safetensors"
    return of_timm(
        row.name, Published(release if "/" in row.source else hub, row.licence), row.size, row.sha256
    )


TIMM = tuple(_known(row) for row in _ROWS)
