# Which pixels stand out, whatever they show.
#
# Inputs:  <run>/dataset/; the file that `saliency.onnx.file` or the folder that `saliency.folder.folder` names; for
#          `rcrnet`, `rcrnet_video` and `srm` the initial weights, the images or videos with masks and, in place of a
#          training, the weights that their section names
# Outputs: <run>/saliency/maps/shard-*.h5 (training and validation images), and for the methods that train a network
#          <run>/saliency/weights.pt, <run>/saliency/history.csv

# The section of a network that starts from ImageNet; none for the other methods.
NETWORK = cfg.saliency.network()

# What is read from outside of the run: by the training, or for the maps where nothing is trained.
LESSONS = [outside(*item) for item in weak(list(cfg.saliency.training_reads().items()))]
MADE_FROM = [outside(*item) for item in weak(list(cfg.saliency.maps_read().items()))]


rule saliency_train:
    input:
        config="<run>/configs/saliency.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        masks=branch(
            NETWORK is None or NETWORK.data.source == "split",
            then="<run>/dataset/masks.csv",
        ),
        outside=LESSONS,
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
        mem_mb=memory("saliency_train"),
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
        weights=branch(cfg.saliency.trains, then="<run>/saliency/weights.pt"),
        outside=MADE_FROM,
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
        weights=lambda wildcards, input: (
            option("--weights", input.weights)
            if NETWORK is None
            else [
                "--weights",
                *(input.outside or [input.weights]),
                "--size",
                NETWORK.size,
            ]
        ),
        flip="--flip" * cfg.saliency.flip,
    shell:
        "weakseg saliency maps --config {input.config} --index {input.index} --classes {input.classes}"
        " --shard {wildcards.scatteritem} {params.weights:q} {params.flip} --out {output.maps}"
        " 2>&1 | tee {log}"
