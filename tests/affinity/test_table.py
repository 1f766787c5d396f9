"""What a run with affinities contains."""

from weakseg.config import Config
from weakseg.run.table import Table


def table(**affinity: object) -> Table:
    return Table(Config.model_validate({"affinity": affinity} if affinity else {}))


def test_without_a_method_refine_reads_the_fused_labels() -> None:
    plain = table()
    assert "affinity_train" not in plain and "affinity" not in plain.scores
    assert plain.unrefined.rule == "proxy_fuse"
    assert Config().stages()["affinity-train"] == {"method": "none"}


def test_with_a_method_it_stands_between_fused_and_refined() -> None:
    found = table(method="irn")
    assert [name for name in found.scores if not name.startswith("segmenter")] == [
        *("attention", "fused", "affinity", "refined")
    ]
    assert found.unrefined.pattern == "results/demo/affinity/labels/shard-{scatteritem}.csv"
    assert found["affinity_train"] in found.trainings("proxies")


def test_affinities_of_another_run_are_not_made_again() -> None:
    config = Config.model_validate(
        {"affinity": {"method": "psa", "from_run": "first"}, "proxy": {"from_run": "first"}}
    )
    found = Table(config)
    assert not found.makes("affinity_train") and not found.makes("affinity_walk")
    assert found["affinity_walk"].folder.as_posix() == "results/first/affinity/labels"
