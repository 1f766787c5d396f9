# Which pixels stand out, whatever they show.
#
# Inputs:  <run>/dataset/; the file that `saliency.onnx.file` or the folder that `saliency.folder.folder` names; for
#          `rcrnet`, `rcrnet_video` and `srm` the initial weights, the images or videos with masks and, in place of a
#          training, the weights that their section names
# Outputs: <run>/saliency/maps/shard-*.h5 (training and validation images), and for the methods that train a network
#          <run>/saliency/weights.pt, <run>/saliency/history.csv


rule saliency_train:
    input:
        ready=ancient("<run>/weights/ready"),
        config="<run>/configs/saliency-train.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        masks=branch(
            cfg.saliency.reads_split_masks,
            then="<run>/dataset/masks.csv",
        ),
        outside=said(inputs.saliency_files, TABLE, "saliency_train"),
    output:
        weights="<run>/saliency/weights.pt",
        history="<run>/saliency/history.csv",
    log:
        "<run>/logs/saliency_train.log",
    benchmark:
        "<run>/benchmarks/saliency_train.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: training_cores(cfg, "saliency")
    resources:
        mem_mb=memory("saliency_train"),
        runtime=240,
    params:
        state=TABLE.folder / "saliency/state",
        revision=REVISIONS["saliency"],  # a new one trains again
    shell:
        "weakseg saliency train --config {input.config} --index {input.index} --classes {input.classes}"
        " --state {params.state} --out {output.weights} > {log} 2>&1"


rule saliency_maps:
    input:
        config="<run>/configs/saliency-maps.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        weights=branch(cfg.saliency.trains, then="<run>/saliency/weights.pt"),
        outside=said(inputs.saliency_files, TABLE, "saliency_maps"),
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
        mem_mb=memory("saliency_maps"),
        runtime=240,
    params:
        weights=lambda wildcards, input: option("--weights", input.weights),
    shell:
        "weakseg saliency maps --config {input.config} --index {input.index} --classes {input.classes}"
        " --shard {wildcards.scatteritem} {params.weights:q} --out {output.maps} > {log} 2>&1"
