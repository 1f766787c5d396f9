# Which pixels stand out, whatever they show.
#
# Inputs:  <run>/dataset/; the file that `saliency.onnx.file` or the folder that `saliency.folder.folder` names
# Outputs: <run>/saliency/maps/shard-*.h5 (training and validation images), and for the method `small`
#          <run>/saliency/weights.pt, <run>/saliency/history.csv


rule saliency_train:
    input:
        config="<run>/configs/saliency.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
    output:
        weights="<run>/saliency/weights.pt",
        history="<run>/saliency/history.csv",
    log:
        "<run>/logs/saliency_train.log",
    benchmark:
        "<run>/benchmarks/saliency_train.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 16
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        state=f"{RUN}/saliency/state",
        revision=REVISIONS["saliency"],  # a change of it trains anew
    shell:
        "weakseg saliency train --config {input.config} --index {input.index} --classes {input.classes}"
        " --state {params.state} --out {output.weights} 2>&1 | tee {log}"


rule saliency_maps:
    input:
        config="<run>/configs/saliency.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        weights=branch(cfg.saliency.method == "small", then="<run>/saliency/weights.pt"),
        source=branch(
            cfg.saliency.method,
            cases={
                "small": [],
                "onnx": lambda wildcards: outside(
                    "saliency.onnx.file", cfg.saliency.onnx.file
                ),
                "folder": lambda wildcards: outside(
                    "saliency.folder.folder", cfg.saliency.folder.folder
                ),
            },
        ),
    output:
        maps="<run>/saliency/maps/shard-{scatteritem}.h5",
    log:
        "<run>/logs/saliency_maps/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/saliency_maps/{scatteritem}.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        weights=lambda wildcards, input: option("--weights", input.weights),
    shell:
        "weakseg saliency maps --config {input.config} --index {input.index} --classes {input.classes}"
        " --shard {wildcards.scatteritem} {params.weights:q} --out {output.maps} > {log} 2>&1"
