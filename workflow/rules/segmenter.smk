# The network that users keep, its predictions, and the predictions after the dense CRF.
#
# Inputs:  <run>/proxy/refined/ (or, with `segmenter.labels: masks`, the true masks that the index names); the
#          file that `segmenter.backbone.weights` names, if it names one; what people decided in `weakseg inspect`,
#          <run>/review/rejected.csv and <run>/review/corrected/, where they exist
# Outputs: <run>/segmenter/weights.pt, <run>/segmenter/history.csv, <run>/segmenter/scores/shard-*.h5,
#          <run>/segmenter/predictions/plain/ and <run>/segmenter/predictions/crf/

from weakseg.storage.review import training_files

# Whether the segmenter starts from the backbone that the attention network trained.
FROM_ATTENTION = cfg.segmenter.backbone.weights == "attention"

# Decisions that change what is trained on. Without any, inputs and command are those of a run nobody reviewed.
REVIEWED = weak(training_files(Path(RUN, "review")))


rule segmenter_train:
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
        attention=branch(FROM_ATTENTION, then="<run>/attention/weights.pt"),
        proxies=weak(gather.shard("<run>/proxy/refined/shard-{scatteritem}.csv")),
        review=REVIEWED,
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
        mem_mb=16000,
        runtime=1440,
    params:
        labels=option("--labels", weak(f"{RUN}/proxy/refined"))
        + (["--review", f"{RUN}/review"] if REVIEWED else []),
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
        mem_mb=4000,
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
        mem_mb=2000,
        runtime=240,
    params:
        split=cfg.evaluation.split,
        labels=subpath(output.table, parent=True),
    shell:
        "weakseg segmenter refine --config {input.config} --index {input.index} --classes {input.classes}"
        " --split {params.split} --shard {wildcards.scatteritem} --scores {input.scores}"
        " --labels {params.labels} --out {output.table} > {log} 2>&1"
