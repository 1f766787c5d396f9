"""The names of timm's weights: what they belong to, which supervision and licence they bring."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from weakseg.cli import weakseg
from weakseg.errors import InputError
from weakseg.weights.cache import digest
from weakseg.weights.known import KNOWN, check_use, find, near, of_architecture, trained_on
from weakseg.weights.supervision import licensed, supervised
from weakseg.weights.timm_source import HUB, published
from weakseg.weights.timm_table import TIMM

SHARED = Path(__file__).resolve().parents[3] / "shared/data/weights"
PARTS = ("deepseek_vit", "qwen3_vit", "quickgelu")
"""Models whose files hold another model as well, or that are the same files under a second name."""


def test_the_table_says_what_the_installed_timm_says() -> None:
    for known in TIMM:
        stated = published(known.name)
        assert stated is not None
        assert licensed(stated.licence)[0] == known.licence
        assert known.architecture == f"timm/{known.name.split('.')[0]}"
        on_hub = stated.address.replace("/resolve/main/", f"/resolve/{known.revision or 'main'}/")
        assert known.address == on_hub or "github.com" in known.address


@pytest.mark.slow
def test_names_addresses_and_licences_are_timms_own() -> None:
    import timm

    every = timm.list_pretrained()
    assert len(every) > 1500
    for name in every:
        config, stated = timm.get_pretrained_cfg(name), published(name)
        if any(part in name for part in PARTS):
            assert stated is None
            continue
        hub = f"{HUB}{config.hf_hub_id}/resolve/main/model.safetensors"
        assert stated == (hub if config.hf_hub_id else config.url, config.license)
    for known in TIMM:  # of its releases those that timm names
        if "github.com" in known.address:
            assert timm.get_pretrained_cfg(known.name).url.endswith(known.file_name)


def test_names_are_known_without_importing_timm() -> None:
    code = (
        "import sys; from weakseg.weights.known import find;"
        "assert find('resnet18.a2_in1k', 'timm/resnet18'); print({'timm', 'torch'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_a_name_outside_of_the_table_is_a_file_of_the_hub() -> None:
    known = find("vit_base_patch16_224.mae", "timm/vit_base_patch16_224")
    assert known is not None
    assert known.address == f"{HUB}timm/vit_base_patch16_224.mae/resolve/main/model.safetensors"
    assert (known.sha256, known.file_name) == ("", "vit_base_patch16_224.mae.safetensors")
    assert (known.trained_on, known.labels) == ("ImageNet without labels", "none")
    assert known.licence == "CC-BY-NC-4.0" and not known.commercial


@pytest.mark.parametrize(
    "value",
    ["resnet18", "resnet18.a9_in1k", "u2net.onnx", "resnet18.pth", "regnety_002.untrained", "a/b.in1k"],
)
def test_what_timm_does_not_publish_is_no_name(value: str) -> None:
    assert find(value, "timm/resnet18") is None


def test_a_file_of_that_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("resnet18.a1_in1k").touch()
    assert find("resnet18.a1_in1k", "timm/resnet18") is None


@pytest.mark.parametrize(
    ("name", "data", "labels"),
    [
        ("tf_efficientnet_lite0.in1k", "ImageNet", "image"),
        ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", "ImageNet-21k, ImageNet", "image"),
        ("vit_small_patch14_reg4_dinov2.lvd142m", "LVD-142M without labels", "none"),
        ("convnext_tiny.dinov3_lvd1689m", "LVD-1689M without labels", "none"),
        ("vit_small_patch16_224.dino", "ImageNet without labels", "none"),
        ("vit_huge_patch14_gap_224.in22k_ijepa", "ImageNet-21k without labels", "none"),
        ("convnextv2_atto.fcmae", "ImageNet without labels", "none"),
        ("convnextv2_atto.fcmae_ft_in1k", "ImageNet", "image"),
        ("hiera_base_224.mae_in1k_ft_in1k", "ImageNet", "image"),
        ("tf_efficientnet_b0.ns_jft_in1k", "JFT without labels, ImageNet", "image"),
        ("resnet50.fb_swsl_ig1b_ft_in1k", "Instagram hashtags, ImageNet", "image"),
        ("vit_base_patch16_clip_224.openai", "WIT-400M texts", "image"),
        ("eva02_tiny_patch14_224.mim_in22k", "CLIP's texts, ImageNet-21k", "image"),
        ("convnext_base.clip_laion2b_augreg_ft_in1k", "LAION-2B texts, ImageNet", "image"),
        ("samvit_base_patch16.sa1b", "SA-1B masks", "pixels"),
        ("sam2_hiera_small.fb_r896", "SA-V and SA-1B masks", "pixels"),
        ("vit_base_patch16_radio_v3.c_radio", "unknown", "unknown"),
        ("convnext_tiny.eupe_lvd1689m", "unknown", "unknown"),
    ],
)
def test_the_tag_tells_the_supervision(name: str, data: str, labels: str) -> None:
    assert supervised(name) == (data, labels)
    assert published(name) is not None


@pytest.mark.parametrize(
    ("licence", "called", "commercial"),
    [
        ("apache-2.0", "Apache-2.0", True),
        ("cc-by-nc-4.0", "CC-BY-NC-4.0", False),
        ("dinov3-license", "dinov3-license", None),
        (None, "unknown", None),
    ],
)
def test_a_licence_that_is_not_known_to_be_free_has_to_be_accepted(
    licence: str | None, called: str, commercial: bool | None
) -> None:
    assert licensed(licence) == (called, commercial)


@pytest.mark.parametrize(
    ("value", "architecture", "said"),
    [
        (
            "IMAGENET1K_V1",
            "timm/resnet18",
            "names weights of torchvision, and those of timm/resnet18 were expected: resnet18.a1_in1k or ",
        ),
        (
            "resnet50",
            "timm/resnet50",
            "resnet50 names weights of resnet50, and those of timm/resnet50 were expected: resnet50.a1_in1k or "
            "resnet50.tv_in1k",
        ),
        ("resnet18.a1_in1k", "timm/resnet50", "names weights of timm/resnet18, and those of timm/resnet50"),
        ("vgg16.tv_in1k", "vgg16", "names weights of timm/vgg16, and those of vgg16 were expected: vgg16"),
        ("resnet18.a1_in1k", "", "names weights of timm/resnet18, and a saliency network was"),
        (
            "timm/resnet18.a1_in1k",
            "timm/resnet18",
            "is no file; leave timm/ out of the name of weights: resnet18.a1_in1k",
        ),
        ("IMAGENET1K_V1", "timm/gmixer_12_224", "a file, or none: no weights of it are published by name"),
    ],
)
def test_weights_of_something_else_are_refused(value: str, architecture: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_use(value, architecture)


def test_weights_that_fit_are_not_refused() -> None:
    for value, architecture in (
        ("resnet18.a1_in1k", "timm/resnet18"),
        ("resnet18.a2_in1k", "timm/resnet18"),
        ("none", "timm/resnet18"),
        ("mine/resnet18.safetensors", "timm/resnet18"),
        ("IMAGENET1K_V1", "vgg16"),
    ):
        check_use(value, architecture)


def test_a_misspelt_tag_is_answered_with_those_near_to_it() -> None:
    assert near("resnet50.b1k_in", "timm/resnet50").startswith("resnet50.b1k_in1k or ")
    assert near("resnet50.b1k_in", "timm/resnet50").endswith(
        "(all names: weakseg weights list timm/resnet50)"
    )


def test_the_ledger_knows_files_of_the_hub_by_their_name() -> None:
    assert trained_on("1" * 64, "pvt_v2_b0.in1k") == ("ImageNet", "image")
    assert trained_on("1" * 64, "vit_small_patch14_reg4_dinov2.lvd142m") == (
        "LVD-142M without labels",
        "none",
    )
    assert trained_on("1" * 64, "vit_base_patch16_radio_v3.c_radio") is None
    assert trained_on("1" * 64, "resnet50.a1_in1k") is None  # whose SHA-256 is known, and another
    assert trained_on("1" * 64, "mine/pvt_v2_b0.in1k") is None
    assert trained_on(KNOWN["resnet50.a1_in1k"].sha256) == ("ImageNet", "image")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real weights are not beside this checkout")
def test_the_file_of_efficientnet_lite0_is_recognised() -> None:
    assert trained_on(digest(SHARED / "efficientnet_lite0_imagenet.safetensors")) == ("ImageNet", "image")


def listed(*words: str) -> list[str]:
    result = CliRunner().invoke(weakseg, ["weights", "list", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return [line.split()[0] for line in result.output.splitlines() if line]


def test_the_list_is_grouped_and_a_part_of_a_name_makes_it_short() -> None:
    every = listed()
    assert every.index("u2netp") < every.index("vgg16") < every.index("tf_efficientnet_lite0.in1k")
    assert [name for name in listed("lite") if "." in name] == [
        f"tf_efficientnet_lite{number}.in1k" for number in range(5)
    ]
    assert {"resnet18.a1_in1k", "resnet18.a2_in1k", "resnet18.tv_in1k"} <= set(listed("timm/resnet18"))
    assert of_architecture("timm/resnet18")[0] is KNOWN["resnet18.a1_in1k"]  # the table's first
    with pytest.raises(InputError, match="no weights have nothing in their name or architecture"):
        listed("nothing")


def test_an_unknown_name_of_timm_is_answered_with_those_near_to_it() -> None:
    with pytest.raises(
        InputError,
        match=r"no weights are known by the name resnet18\.a1_in2k; did you mean resnet18\.a1_in1k or",
    ):
        CliRunner().invoke(weakseg, ["weights", "fetch", "resnet18.a1_in2k"], catch_exceptions=False)
