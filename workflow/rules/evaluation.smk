# How good each stage is, and the report.
#
# Inputs:  the maps, labels and predictions of all stages; the true masks that the index names
# Outputs: <run>/evaluation/: one JSON per scored stage, scores.csv, summary.json, scores.html and the figures;
#          <run>/report.html, which shows them in any browser without a network; for the target `detector`
#          <run>/evaluation/detector.json

# Label maps that are scored: split, folder below <run>, and the files that declare them.
SPLIT = cfg.evaluation.split
LABELS = {
    "fused": ("train", "proxy/fused", "proxy/fused/shard-{scatteritem}.csv"),
    "refined": ("train", "proxy/refined", "proxy/refined/shard-{scatteritem}.csv"),
    "segmenter": (
        SPLIT,
        "segmenter/predictions/plain",
        "segmenter/scores/shard-{scatteritem}.h5",
    ),
    "segmenter-crf": (
        SPLIT,
        "segmenter/predictions/crf",
        "segmenter/predictions/crf/shard-{scatteritem}.csv",
    ),
}

for number in ROUNDS:
    folder = f"segmenter/round-{number}"
    LABELS |= {
        f"relabelled-{number}": (
            "train",
            f"{folder}/proxies",
            f"{folder}/proxies/shard-{{scatteritem}}.csv",
        ),
        f"segmenter-{number}": (
            SPLIT,
            f"{folder}/predictions/plain",
            f"{folder}/scores/shard-{{scatteritem}}.h5",
        ),
        f"segmenter-crf-{number}": (
            SPLIT,
            f"{folder}/predictions/crf",
            f"{folder}/predictions/crf/shard-{{scatteritem}}.csv",
        ),
    }

# What the summary gathers; when the segmenter learns from true masks, it is all there is.
LEARNT = ["saliency"] * cfg.saliency.trains
LEARNT += ["attention"] * (METHOD != "folder")
ACCUMULATES = METHOD == "oaa_plus"
TRAINED = weak(LEARNT) + ["segmenter"]
TIMED = ["dataset_index", *weak(["attention_accumulate"] * ACCUMULATES)]
TIMED += [f"{room}_train" for room in TRAINED]
PROXY_SCORES = ["attention", "fused", "refined"]
SEGMENTER_SCORES = ["segmenter", "segmenter-crf"]
SHARDED = weak(["attention_accumulated_maps"] * ACCUMULATES)
SHARDED += weak(["saliency_maps", "attention_maps", "proxy_fuse", "proxy_refine"])
SHARDED += ["segmenter_predict", "segmenter_refine"]

# The ledger: networks that entered the run, and what gives maps without a training.
ENTERED = {room: f"{RUN}/{room}/weights.pt" for room in TRAINED}
if FROM_ATTENTION:
    ENTERED["attention"] = f"{RUN}/attention/weights.pt"
OUTSIDE = {}
if weak(METHOD == "folder"):
    OUTSIDE["attention"] = cfg.attention.folder.folder
for saliency_file in MADE_FROM:
    (OUTSIDE if NETWORK is None else ENTERED)["saliency"] = saliency_file

# The rounds after the first.
for number in ROUNDS:
    TRAINED.append(f"segmenter/round-{number}")
    TIMED.append(f"segmenter_train_round-{number}")
    SEGMENTER_SCORES += [
        f"{stage}-{number}" for stage in ("relabelled", "segmenter", "segmenter-crf")
    ]
    SHARDED += [
        f"segmenter_{stage}-{number}" for stage in ("relabel", "predict", "refine")
    ]

SCORED = weak(PROXY_SCORES) + SEGMENTER_SCORES

# All that a run keeps. Snakemake makes a missing file only where something asks for it: the targets ask for these, so
# that what was deleted, because it was damaged, by mistake, or by Snakemake when a job failed that had made it before,
# is made again by the same command.
KEPT_PROXIES = [
    gather.shard(f"<run>/{path}")
    for path in (
        "saliency/maps/shard-{scatteritem}.h5",
        "attention/maps/shard-{scatteritem}.h5",
        LABELS["fused"][2],
        LABELS["refined"][2],
    )
]
KEPT_PROXIES += [f"<run>/{room}/weights.pt" for room in LEARNT]
KEPT_PROXIES += [f"<run>/evaluation/{name}.json" for name in PROXY_SCORES]
KEPT = [*weak(KEPT_PROXIES), "<run>/evaluation/supervision.json"]
KEPT += [gather.shard(f"<run>/{LABELS[name][2]}") for name in SEGMENTER_SCORES]
KEPT += [f"<run>/{room}/weights.pt" for room in TRAINED if room not in LEARNT]
KEPT += [f"<run>/evaluation/{name}.json" for name in SEGMENTER_SCORES]

CEILING = []
if cfg.evaluation.ceiling is not None:
    CEILING = f"results/{cfg.evaluation.ceiling}/evaluation/segmenter-crf.json"
    outside("evaluation.ceiling's score", CEILING, "make that run first")


rule evaluate_attention:
    input:
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        masks="<run>/dataset/masks.csv",
        maps=gather.shard("<run>/attention/maps/shard-{scatteritem}.h5"),
    output:
        "<run>/evaluation/attention.json",
    log:
        "<run>/logs/evaluate_attention.log",
    benchmark:
        "<run>/benchmarks/evaluate_attention.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 1
    resources:
        mem_mb=memory("evaluate"),
        runtime=240,
    shell:
        "weakseg evaluate attention --index {input.index} --classes {input.classes}"
        " --split train --maps {input.maps} --out {output} > {log} 2>&1"


rule evaluate_localisation:
    input:
        config="<run>/configs/evaluation-boxes.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        masks="<run>/dataset/masks.csv",
        maps=gather.shard("<run>/attention/maps/shard-{scatteritem}.h5"),
        class_scores=gather.shard("<run>/attention/maps/shard-{scatteritem}.csv"),
        boxes=branch(
            cfg.evaluation.boxes != "masks",
            then=lambda wildcards: outside("evaluation.boxes", cfg.evaluation.boxes),
        ),
    output:
        "<run>/evaluation/localisation.json",
    log:
        "<run>/logs/evaluate_localisation.log",
    benchmark:
        "<run>/benchmarks/evaluate_localisation.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 1
    resources:
        mem_mb=memory("evaluate"),
        runtime=240,
    shell:
        "weakseg evaluate localisation --config {input.config} --index {input.index}"
        " --classes {input.classes} --split train --maps {input.maps} --class-scores {input.class_scores}"
        " --out {output} > {log} 2>&1"


rule evaluate_detector:
    input:
        config="<run>/configs/evaluation-boxes.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        masks="<run>/dataset/masks.csv",
        boxes=gather.shard("<run>/detector/boxes/shard-{scatteritem}.json"),
        truth=branch(
            cfg.evaluation.boxes != "masks",
            then=lambda wildcards: outside("evaluation.boxes", cfg.evaluation.boxes),
        ),
    output:
        "<run>/evaluation/detector.json",
    log:
        "<run>/logs/evaluate_detector.log",
    benchmark:
        "<run>/benchmarks/evaluate_detector.tsv"
    conda:
        "../../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=memory("evaluate"),
        runtime=60,
    params:
        split=SPLIT,
        least=cfg.detector.least_region,
    shell:
        "weakseg evaluate detector --config {input.config} --index {input.index} --classes {input.classes}"
        " --split {params.split} --least {params.least} --boxes {input.boxes} --out {output} 2>&1 | tee {log}"


rule evaluate_labels:
    input:
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        masks="<run>/dataset/masks.csv",
        labels=lambda wildcards: gather.shard(f"<run>/{LABELS[wildcards.labels][2]}"),
    output:
        "<run>/evaluation/{labels}.json",
    log:
        "<run>/logs/evaluate_labels/{labels}.log",
    benchmark:
        "<run>/benchmarks/evaluate_labels/{labels}.tsv"
    wildcard_constraints:
        labels="|".join(LABELS),
    conda:
        "../../envs/weakseg.yaml"
    threads: 1
    resources:
        mem_mb=memory("evaluate"),
        runtime=60,
    params:
        split=lambda wildcards: LABELS[wildcards.labels][0],
        folder=lambda wildcards: f"{RUN}/{LABELS[wildcards.labels][1]}",
    shell:
        "weakseg evaluate labels --index {input.index} --classes {input.classes} --split {params.split}"
        " --stage {wildcards.labels} --labels {params.folder} --out {output} > {log} 2>&1"


rule evaluate_supervision:
    input:
        config="<run>/configs/supervision.json",
        weights=list(ENTERED.values()),
        outside=list(OUTSIDE.values()),
    output:
        "<run>/evaluation/supervision.json",
    log:
        "<run>/logs/evaluate_supervision.log",
    benchmark:
        "<run>/benchmarks/evaluate_supervision.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=60,
    params:
        weights=option(
            "--weights", *(f"{room}={file}" for room, file in ENTERED.items())
        ),
        outside=option(
            "--outside", *(f"{room}={file}" for room, file in OUTSIDE.items())
        ),
        unsupervised=weak(
            option(
                "--unsupervised",
                *["saliency"] * (cfg.saliency.method == "unsupervised"),
            )
        ),
    shell:
        "weakseg evaluate supervision --config {input.config} {params.weights:q} {params.outside:q}"
        " {params.unsupervised} --out {output} > {log} 2>&1"


rule evaluate_summary:
    input:
        config="<run>/configs/evaluation.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        masks="<run>/dataset/masks.csv",
        scores=expand("<run>/evaluation/{scored}.json", scored=SCORED),
        weights=expand("<run>/{room}/weights.pt", room=TRAINED),
        histories=expand("<run>/{room}/history.csv", room=TRAINED),
        timings=expand("<run>/benchmarks/{timed}.tsv", timed=TIMED),
        shards=[
            gather.shard(f"<run>/benchmarks/{stage}/{{scatteritem}}.tsv")
            for stage in SHARDED
        ],
        attention=weak(gather.shard("<run>/attention/maps/shard-{scatteritem}.h5")),
        saliency=weak(gather.shard("<run>/saliency/maps/shard-{scatteritem}.h5")),
        localisation=weak("<run>/evaluation/localisation.json"),
        ceiling=CEILING,
        supervision="<run>/evaluation/supervision.json",
    output:
        table="<run>/evaluation/scores.csv",
        summary="<run>/evaluation/summary.json",
        scores=report("<run>/evaluation/scores.html", "../report/scores.rst", "Scores"),
        per_class=report(
            "<run>/evaluation/per_class.png", "../report/per_class.rst", "Scores"
        ),
        curve=report("<run>/evaluation/curve.png", "../report/curve.rst", "Scores"),
        training=report(
            "<run>/evaluation/training.png", "../report/training.rst", "Training"
        ),
        sample=report(
            "<run>/evaluation/montage-sample.png", "../report/sample.rst", "Images"
        ),
        worst=report(
            "<run>/evaluation/montage-worst.png", "../report/worst.rst", "Images"
        ),
    log:
        "<run>/logs/evaluate_summary.log",
    benchmark:
        "<run>/benchmarks/evaluate_summary.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 1
    resources:
        mem_mb=memory("evaluate"),
        runtime=60,
    params:
        folder=subpath(output.table, parent=True),
        proxies=weak(
            ["--fused", f"{RUN}/proxy/fused", "--refined", f"{RUN}/proxy/refined"]
        ),
        predictions=f"{RUN}/{LAST}/predictions/crf",
        histories=[f"{room}={RUN}/{room}/history.csv" for room in TRAINED],
        timings=[f"{timed}={RUN}/benchmarks/{timed}.tsv" for timed in TIMED],
        shards=lambda wildcards, input: [
            f"{Path(file).parent.name}={file}" for file in input.shards
        ],
        localisation=lambda wildcards, input: option(
            "--localisation", input.localisation
        ),
        ceiling=lambda wildcards, input: option("--ceiling-scores", input.ceiling),
    shell:
        "weakseg evaluate summary --config {input.config} --index {input.index} --classes {input.classes}"
        " --scores {input.scores} --weights {input.weights} --history {params.histories}"
        " --benchmark {params.timings} {params.shards} --attention {input.attention}"
        " --saliency {input.saliency} {params.proxies} --predictions {params.predictions}"
        " {params.localisation:q} {params.ceiling:q} --supervision {input.supervision} --out {params.folder} 2>&1 | tee {log}"


rule report:
    input:
        config="<run>/configs/run.json",
        files=rules.evaluate_summary.output,
    output:
        "<run>/report.html",
    log:
        "<run>/logs/report.log",
    localrule: True
    conda:
        "../../envs/weakseg.yaml"
    shell:
        "snakemake --configfile {input.config} --report {output} -- {input.files} > {log} 2>&1"
