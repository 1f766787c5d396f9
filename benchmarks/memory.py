"""Peak memory of one training step, float32 on a processor, of every room and backbone: what `mem_mb` is computed from.

    python benchmarks/memory.py --out benchmarks/results/memory.json

Each step runs in a process of its own, at two sizes; the slope is the bytes that a pixel of the batch costs, the rest
is what the network costs without one. The bounds that follow stand in each backbone's file.
"""

import json
import subprocess
import sys
from pathlib import Path

import click

STEP = """
import resource, sys
import torch
room, method, architecture, crop, batch = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
torch.manual_seed(0)
given = {"image": torch.randint(0, 256, (batch, 3, crop, crop), dtype=torch.uint8)}
if room == "attention":
    from weakseg.attention.network import build
    from weakseg.attention.settings import AttentionConfig
    backbone = {"architecture": architecture, "weights": "none"}
    network = build(AttentionConfig.model_validate({"method": method, "backbone": backbone}), 6)
    given["labels"] = torch.eye(6)[:1].repeat(batch, 1)
else:
    from weakseg.segmenter.network import make
    from weakseg.segmenter.networks import NETWORKS
    network = make(NETWORKS[method](), architecture, 6)
    given["labels"] = torch.randint(0, 7, (batch, crop, crop), dtype=torch.uint8)
network.train().to(memory_format=torch.channels_last)
solver = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-6)
given["image"] = given["image"].contiguous(memory_format=torch.channels_last)
for _ in range(2):
    sum(network.losses(given).values()).backward()
    solver.step()
    solver.zero_grad(set_to_none=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""
NETWORKS = (
    ("attention", "seenet", "vgg16"),
    ("attention", "seenet", "vgg_small"),
    ("attention", "acol", "vgg16"),
    ("attention", "spg", "inception_v3"),
    ("segmenter", "largefov", "vgg16"),
    ("segmenter", "largefov", "vgg_small"),
    ("segmenter", "fcn32s", "alexnet"),
    ("segmenter", "fcn8s", "vgg16"),
    ("segmenter", "deeplab_v2", "resnet50"),
    ("segmenter", "deeplab_v2", "resnet101"),
    ("segmenter", "lraspp", "mobilenet_v3_large"),
    *(
        (room, method, f"timm/{model}")
        for room, method in (("attention", "cam"), ("segmenter", "deeplab_v3_plus"))
        for model in (
            "tf_efficientnet_lite0",
            "resnet18",
            "resnet50",
            "convnext_tiny",
            "mobilenetv4_conv_small",
            "regnetx_002",
            "hrnet_w18_small",
            "swin_tiny_patch4_window7_224",
            "maxvit_pico_rw_256",
            "pvt_v2_b0",
            "vit_tiny_patch16_224",
            "vit_small_patch14_reg4_dinov2",
            "vit_base_patch16_224",
            "eva02_tiny_patch14_224",
        )
    ),
)
BATCHES = ((129, 2), (193, 4))


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(out: Path) -> None:
    """Measure each network and write each as it comes."""
    rows = []
    for room, method, architecture in NETWORKS:
        peaks = [_peak(room, method, architecture, crop, batch) for crop, batch in BATCHES]
        pixels = [crop**2 * batch for crop, batch in BATCHES]
        slope = (peaks[1] - peaks[0]) * 1e6 / (pixels[1] - pixels[0])
        rows.append(
            {
                "network": f"{room} {method} on {architecture}",
                "bytes_of_a_pixel": round(slope),
                "mb_without_one": round(peaks[0] - slope * pixels[0] / 1e6),
            }
        )
        print(rows[-1], flush=True)
        out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _peak(room: str, method: str, architecture: str, crop: int, batch: int) -> float:
    words = [room, method, architecture, str(crop), str(batch)]
    done = subprocess.run([sys.executable, "-c", STEP, *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return float(done.stdout)


if __name__ == "__main__":
    main()
