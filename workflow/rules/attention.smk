# Where the classes are, learnt from image-level labels alone.
#
# Inputs:  <run>/dataset/; the file that `attention.backbone.weights` names, if it names one
# Outputs: <run>/attention/weights.pt, <run>/attention/history.csv, and <run>/attention/maps/shard-*.h5
#          (training and validation images, present classes only)


rule attention_train:
    input:
        config="<run>/configs/attention-train.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        initial=outside("attention.backbone.weights", cfg.attention.backbone.weights),
    output:
        weights="<run>/attention/weights.pt",
        history="<run>/attention/history.csv",
    log:
        "<run>/logs/attention_train.log",
    benchmark:
        "<run>/benchmarks/attention_train.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 16
    resources:
        mem_mb=16000,
        runtime=1440,
    params:
        state=f"{RUN}/attention/state",
        revision=REVISIONS["attention"],  # a change of it trains anew
    shell:
        "weakseg attention train --config {input.config} --index {input.index} --classes {input.classes}"
        " --state {params.state} --out {output.weights} 2>&1 | tee {log}"


rule attention_maps:
    input:
        config="<run>/configs/attention-maps.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        weights="<run>/attention/weights.pt",
    output:
        maps="<run>/attention/maps/shard-{scatteritem}.h5",
    log:
        "<run>/logs/attention_maps/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/attention_maps/{scatteritem}.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    shell:
        "weakseg attention maps --config {input.config} --index {input.index} --classes {input.classes}"
        " --weights {input.weights} --shard {wildcards.scatteritem} --out {output.maps} > {log} 2>&1"
