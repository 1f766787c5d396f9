# A network that learns from fused proxies which neighbours belong together, and proxies spread by it; no rule here runs
# where `affinity.method` is none.
#
# Inputs:  <run>/proxy/fused/, <run>/attention/maps/; the file that `affinity.backbone.weights` names, if it names one
# Outputs: <run>/affinity/weights.pt, <run>/affinity/history.csv, and <run>/affinity/labels/, which `proxy_refine` reads


rule affinity_train:
    input:
        ready=ancient("<run>/weights/ready"),
        config="<run>/configs/affinity-train.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        initial=said(inputs.initial_weights, TABLE, "affinity"),
        attention=lambda wildcards: said(inputs.attention_weights, TABLE, "affinity"),
        fused=TABLE["proxy_fuse"].shard_files,
    output:
        weights="<run>/affinity/weights.pt",
        history="<run>/affinity/history.csv",
    log:
        "<run>/logs/affinity_train.log",
    benchmark:
        "<run>/benchmarks/affinity_train.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: training_cores(cfg, "affinity")
    resources:
        mem_mb=memory("affinity_train"),
        runtime=1440,
    params:
        fused=TABLE["proxy_fuse"].label_folder,
        attention=lambda wildcards, input: option("--attention", *input.attention),
        state=TABLE.folder / "affinity/state",
        revision=REVISIONS["affinity"],  # a new one trains again
    shell:
        "weakseg affinity train --config {input.config} --index {input.index} --classes {input.classes}"
        " --fused {params.fused} {params.attention:q} --state {params.state}"
        " --out {output.weights} > {log} 2>&1"


rule affinity_walk:
    input:
        config="<run>/configs/affinity-walk.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        weights="<run>/affinity/weights.pt",
        attention=TABLE["attention_maps"].pattern,
        fused=TABLE["proxy_fuse"].pattern,
    output:
        table="<run>/affinity/labels/shard-{scatteritem}.csv",
    log:
        "<run>/logs/affinity_walk/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/affinity_walk/{scatteritem}.tsv"
    conda:
        "../../envs/weakseg.yaml"
    resources:
        mem_mb=memory("affinity_walk"),
        runtime=480,
    params:
        fused=subpath(input.fused, parent=True),
        labels=subpath(output.table, parent=True),
    shell:
        "weakseg affinity walk --config {input.config} --index {input.index} --classes {input.classes}"
        " --shard {wildcards.scatteritem} --weights {input.weights} --fused {params.fused}"
        " --attention {input.attention} --labels {params.labels} --out {output.table} > {log} 2>&1"
