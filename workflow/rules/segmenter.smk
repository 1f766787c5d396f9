# The network that users keep, its predictions, and the predictions after the dense CRF.
#
# Inputs:  <run>/proxy/refined/ (or, with `segmenter.labels: masks`, the true masks that the index names); the
#          file that `segmenter.backbone.weights` names, if it names one; what people decided in `weakseg inspect`,
#          <run>/review/rejected.csv and <run>/review/corrected/, where they exist
# Outputs: in <run>/segmenter/round-1/, and with `segmenter.rounds` above 1 in round-2/ and so on: weights.pt,
#          history.csv, scores/shard-*.h5, predictions/plain/, predictions/crf/, and from the second round on proxies/,
#          the labels that the round learns from; <run>/segmenter/weights.pt, the network of the last round


rule segmenter_relabel:
    input:
        config="<run>/configs/segmenter-predict.json",
        refine="<run>/configs/proxy-refine.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        weights=lambda wildcards: TABLE.round(int(wildcards.round) - 1) / "weights.pt",
    output:
        table="<run>/segmenter/round-{round}/proxies/shard-{scatteritem}.csv",
    log:
        "<run>/logs/segmenter_relabel/round-{round}/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/segmenter_relabel/round-{round}/{scatteritem}.tsv"
    conda:
        "../../envs/weakseg.yaml"
    resources:
        mem_mb=memory("segmenter_relabel"),
        runtime=480,
    params:
        labels=subpath(output.table, parent=True),
    shell:
        "weakseg segmenter relabel --config {input.config} --refine {input.refine} --index {input.index}"
        " --classes {input.classes} --weights {input.weights} --shard {wildcards.scatteritem}"
        " --labels {params.labels} --out {output.table} > {log} 2>&1"


rule segmenter_train:
    input:
        ready=ancient("<run>/weights/ready"),
        config="<run>/configs/segmenter-train.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        masks=branch(cfg.segmenter.labels == "masks", then="<run>/dataset/masks.csv"),
        initial=lambda wildcards: said(inputs.initial_weights, TABLE, "segmenter"),
        attention=lambda wildcards: said(inputs.attention_weights, TABLE, "segmenter"),
        labels=lambda wildcards: TABLE.label_files_for(wildcards.round),
        health=lambda wildcards: ancient(TABLE.health_before(wildcards.round)),  # newer ones train nothing again
    output:
        weights="<run>/segmenter/round-{round}/weights.pt",
        history="<run>/segmenter/round-{round}/history.csv",
    log:
        "<run>/logs/segmenter_train/round-{round}.log",
    benchmark:
        "<run>/benchmarks/segmenter_train/round-{round}.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: training_cores(cfg, "segmenter")
    resources:
        mem_mb=memory("segmenter_train"),
        runtime=1440,
    params:
        labels=lambda wildcards, input: option(
            "--labels", *{Path(file).parent for file in input.labels}
        ),
        decided=DECIDED * TABLE.is_weak,  # a function of the inputs would not be compared
        review=["--review", TABLE.folder / "review"] * bool(DECIDED and TABLE.is_weak),
        attention=lambda wildcards, input: option("--attention", *input.attention),
        state=lambda wildcards: TABLE.round(wildcards.round) / "state",
        revision=REVISIONS["segmenter"],  # a new one trains again
    shell:
        "weakseg evaluate health-stop {input.health} > {log} 2>&1 && "
        "weakseg segmenter train --config {input.config} --index {input.index} --classes {input.classes}"
        " {params.labels:q} {params.review:q} {params.attention:q} --state {params.state}"
        " --out {output.weights} > {log} 2>&1"


rule segmenter_predict:
    input:
        config="<run>/configs/segmenter-predict.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        weights="<run>/segmenter/round-{round}/weights.pt",
    output:
        scores="<run>/segmenter/round-{round}/scores/shard-{scatteritem}.h5",
    log:
        "<run>/logs/segmenter_predict/round-{round}/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/segmenter_predict/round-{round}/{scatteritem}.tsv"
    conda:
        "../../envs/weakseg.yaml"
    resources:
        mem_mb=memory("segmenter_predict"),
        runtime=240,
    params:
        split=cfg.evaluation.split,
        labels=lambda wildcards: TABLE.round(wildcards.round) / "predictions/plain",
    shell:
        "weakseg segmenter predict --config {input.config} --index {input.index} --classes {input.classes}"
        " --weights {input.weights} --split {params.split} --shard {wildcards.scatteritem}"
        " --labels {params.labels} --out {output.scores} > {log} 2>&1"


rule segmenter_refine:
    input:
        config="<run>/configs/segmenter-refine.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        scores="<run>/segmenter/round-{round}/scores/shard-{scatteritem}.h5",
    output:
        table="<run>/segmenter/round-{round}/predictions/crf/shard-{scatteritem}.csv",
    log:
        "<run>/logs/segmenter_refine/round-{round}/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/segmenter_refine/round-{round}/{scatteritem}.tsv"
    conda:
        "../../envs/weakseg.yaml"
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


rule segmenter_weights:
    input:
        TABLE.round(cfg.segmenter.rounds) / "weights.pt",
    output:
        "<run>/segmenter/weights.pt",
    log:
        "<run>/logs/segmenter_weights.log",
    localrule: True
    conda:
        "../../envs/weakseg.yaml"
    shell:
        "cp {input} {output} 2> {log}"
