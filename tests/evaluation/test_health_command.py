"""The commands of health on a tiny run that has no masks."""

import pytest

from tiny_run import Tiny
from weakseg.errors import InputError
from weakseg.evaluation.health.record import read_health


def test_the_command_reads_a_run_without_masks(unmasked: Tiny) -> None:
    config = unmasked.write("configs/health.json", "{}")
    attention, saliency = (
        ["--attention", *unmasked.shards("attention")],
        ["--saliency", *unmasked.shards("saliency")],
    )
    fused, refined = unmasked.labels("fused"), unmasked.labels("refined")
    stages = {
        "attention_maps": attention,
        "saliency_maps": saliency,
        "proxy_fuse": [*attention, *saliency, "--labels", fused],
        "proxy_refine": [*attention, *saliency, "--labels", refined, "--before", fused],
        "segmenter_predict": [
            "--split",
            "val",
            "--labels",
            unmasked.labels("segmenter"),
            "--before",
            refined,
        ],
    }
    for name, options in stages.items():
        out = unmasked.path(f"health/{name}.json")
        done = unmasked.evaluate(
            "health", "--config", config, *unmasked.data, "--stage", name, *options, "--out", out
        )
        assert done.exit_code == 0, done.output
        (health,) = read_health(out)
        assert health.stage == name
        assert health.images == (3 if name == "segmenter_predict" else 5)
    files = [unmasked.path(f"health/{name}.json") for name in stages]
    done = unmasked.evaluate("health-all", *files, "--out", unmasked.path("health.json"))
    assert [stage.stage for stage in read_health(unmasked.path("health.json"))] == list(stages)
    assert "attention_maps: attention in all 5 images" in done.output


def test_the_command_refuses_a_stage_that_it_does_not_check(unmasked: Tiny) -> None:
    config = unmasked.write("configs/health.json", "{}")
    start = ["health", "--config", config, *unmasked.data, "--out", unmasked.path("x.json"), "--stage"]
    with pytest.raises(InputError, match="--stage saliency_train is not checked; attention_maps, "):
        unmasked.evaluate(*start, "saliency_train")
    with pytest.raises(InputError, match="needs --saliency"):
        unmasked.evaluate(*start, "proxy_fuse", "--attention", *unmasked.shards("attention"))
