# The network that users keep, its predictions, and the predictions after the dense CRF.
#
# Inputs:  <run>/proxy/refined/ (or, with `segmenter.labels: masks`, the true masks that the index names); the
#          file that `segmenter.backbone.weights` names, if it names one; what people decided in `weakseg inspect`,
#          <run>/review/rejected.csv and <run>/review/corrected/, where they exist
# Outputs: <run>/segmenter/weights.pt, <run>/segmenter/history.csv, <run>/segmenter/scores/shard-*.h5,
#          <run>/segmenter/predictions/plain/ and <run>/segmenter/predictions/crf/; with `segmenter.rounds` above 1 the
#          same in <run>/segmenter/round-2/ and so on, and there proxies/, the labels that the round learnt from

# Whether the segmenter starts from the backbone that the attention network trained.
FROM_ATTENTION = cfg.segmenter.backbone.weights == "attention"

# Rounds after the first, and the folder of the last one, whose model is the run's.
ROUNDS = range(2, cfg.segmenter.rounds + 1)
FOLDERS = ["segmenter", *(f"segmenter/round-{number}" for number in ROUNDS)]
LAST = FOLDERS[-1]

# Where it learns from the true masks, no decision about proxies changes it.
OBEYED = REVIEWED if cfg.segmenter.labels == "proxy" else {}


wildcard_constraints:
    round="[2-9]",


rule segmenter_train:
    input:
        config="<run>/configs/segmenter-train.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        masks=branch(cfg.segmenter.labels == "masks", then="<run>/dataset/masks.csv"),
        initial=branch(
            FROM_ATTENTION,
            otherwise=lambda wildcards: outside(
                "segmenter.backbone.weights", cfg.segmenter.backbone.weights
            ),
        ),
        attention=branch(
            FROM_ATTENTION,
            then=lambda wildcards: attention_weights("segmenter"),
        ),
        proxies=weak(gather.shard("<run>/proxy/refined/shard-{scatteritem}.csv")),
    output:
        weights="<run>/segmenter/weights.pt",
        history="<run>/segmenter/history.csv",
    log:
        "<run>/logs/segmenter_train.log",
    benchmark:
        "<run>/benchmarks/segmenter_train.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 16
    resources:
        mem_mb=memory("segmenter_train"),
        runtime=1440,
    params:
        **OBEYED,
        labels=weak(["--labels", f"{RUN}/proxy/refined", *BY_REVIEW]),
        attention=lambda wildcards, input: option("--attention", input.attention),
        state=f"{RUN}/segmenter/state",
        revision=REVISIONS["segmenter"],  # a change of it trains anew
    shell:
        "weakseg segmenter train --config {input.config} --index {input.index} --classes {input.classes}"
        " {params.labels:q} {params.attention:q} --state {params.state} --out {output.weights} 2>&1 | tee {log}"


rule segmenter_predict:
    input:
        config="<run>/configs/segmenter-predict.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        weights="<run>/segmenter/weights.pt",
    output:
        scores="<run>/segmenter/scores/shard-{scatteritem}.h5",
    log:
        "<run>/logs/segmenter_predict/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/segmenter_predict/{scatteritem}.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 1
    resources:
        mem_mb=memory("segmenter_predict"),
        runtime=240,
    params:
        split=cfg.evaluation.split,
        labels=f"{RUN}/segmenter/predictions/plain",
    shell:
        "weakseg segmenter predict --config {input.config} --index {input.index} --classes {input.classes}"
        " --weights {input.weights} --split {params.split} --shard {wildcards.scatteritem}"
        " --labels {params.labels} --out {output.scores} > {log} 2>&1"


rule segmenter_refine:
    input:
        config="<run>/configs/segmenter-refine.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        scores="<run>/segmenter/scores/shard-{scatteritem}.h5",
    output:
        table="<run>/segmenter/predictions/crf/shard-{scatteritem}.csv",
    log:
        "<run>/logs/segmenter_refine/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/segmenter_refine/{scatteritem}.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 1
    resources:
        mem_mb=memory("segmenter_refine"),
        runtime=240,
    params:
        split=cfg.evaluation.split,
        labels=subpath(output.table, parent=True),
    shell:
        "weakseg segmenter refine --config {input.config} --index {input.index} --classes {input.classes}"
        " --split {params.split} --shard {wildcards.scatteritem} --scores {input.scores}"
        " --labels {params.labels} --out {output.table} > {log} 2>&1"


rule segmenter_relabel:
    input:
        config="<run>/configs/segmenter-predict.json",
        refine="<run>/configs/proxy-refine.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        weights=lambda wildcards: f"{RUN}/{FOLDERS[int(wildcards.round) - 2]}/weights.pt",
    output:
        table="<run>/segmenter/round-{round}/proxies/shard-{scatteritem}.csv",
    log:
        "<run>/logs/segmenter_relabel/round-{round}/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/segmenter_relabel-{round}/{scatteritem}.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 1
    resources:
        mem_mb=memory("segmenter_relabel"),
        runtime=480,
    params:
        labels=subpath(output.table, parent=True),
    shell:
        "weakseg segmenter relabel --config {input.config} --refine {input.refine} --index {input.index}"
        " --classes {input.classes} --weights {input.weights} --shard {wildcards.scatteritem}"
        " --labels {params.labels} --out {output.table} > {log} 2>&1"


use rule segmenter_train as segmenter_train_round with:
    input:
        config="<run>/configs/segmenter-train.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        initial=branch(
            FROM_ATTENTION,
            otherwise=lambda wildcards: outside(
                "segmenter.backbone.weights", cfg.segmenter.backbone.weights
            ),
        ),
        attention=branch(
            FROM_ATTENTION,
            then=lambda wildcards: attention_weights("segmenter"),
        ),
        proxies=gather.shard(
            "<run>/segmenter/round-{{round}}/proxies/shard-{scatteritem}.csv"
        ),
    output:
        weights="<run>/segmenter/round-{round}/weights.pt",
        history="<run>/segmenter/round-{round}/history.csv",
    log:
        "<run>/logs/segmenter_train_round/{round}.log",
    benchmark:
        "<run>/benchmarks/segmenter_train_round-{round}.tsv"
    params:
        **OBEYED,
        labels=lambda wildcards: [
            "--labels",
            f"{RUN}/segmenter/round-{wildcards.round}/proxies",
            *BY_REVIEW,
        ],
        attention=lambda wildcards, input: option("--attention", input.attention),
        state=f"{RUN}/segmenter/round-{{round}}/state",
        revision=REVISIONS["segmenter"],


use rule segmenter_predict as segmenter_predict_round with:
    input:
        config="<run>/configs/segmenter-predict.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        weights="<run>/segmenter/round-{round}/weights.pt",
    output:
        scores="<run>/segmenter/round-{round}/scores/shard-{scatteritem}.h5",
    log:
        "<run>/logs/segmenter_predict_round/{round}/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/segmenter_predict-{round}/{scatteritem}.tsv"
    params:
        split=cfg.evaluation.split,
        labels=f"{RUN}/segmenter/round-{{round}}/predictions/plain",


use rule segmenter_refine as segmenter_refine_round with:
    input:
        config="<run>/configs/segmenter-refine.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        scores="<run>/segmenter/round-{round}/scores/shard-{scatteritem}.h5",
    output:
        table="<run>/segmenter/round-{round}/predictions/crf/shard-{scatteritem}.csv",
    log:
        "<run>/logs/segmenter_refine_round/{round}/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/segmenter_refine-{round}/{scatteritem}.tsv"
    params:
        split=cfg.evaluation.split,
        labels=subpath(output.table, parent=True),
