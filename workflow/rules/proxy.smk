# Attention and saliency become labels: palette PNGs, 255 where undecided.
#
# Inputs:  <run>/attention/maps/, <run>/saliency/maps/, with an affinity network <run>/affinity/labels/; for the boxes what people decided in `weakseg inspect`,
#          <run>/review/rejected.csv and <run>/review/corrected/, where they exist
# Outputs: <run>/proxy/fused/ and, after the dense CRF, <run>/proxy/refined/; a shard's declared output is the
#          table of its images, which stands for their PNGs; for the target `detector` <run>/proxy/boxes.json


rule proxy_fuse:
    input:
        config="<run>/configs/proxy-fuse.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        attention=TABLE["attention_maps"].pattern,
        saliency=TABLE["saliency_maps"].pattern,
    output:
        table="<run>/proxy/fused/shard-{scatteritem}.csv",
    log:
        "<run>/logs/proxy_fuse/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/proxy_fuse/{scatteritem}.tsv"
    conda:
        "../../envs/weakseg.yaml"
    resources:
        mem_mb=memory("proxy_fuse"),
        runtime=120,
    params:
        labels=subpath(output.table, parent=True),
    shell:
        "weakseg proxy fuse --config {input.config} --index {input.index} --classes {input.classes}"
        " --shard {wildcards.scatteritem} --attention {input.attention} --saliency {input.saliency}"
        " --labels {params.labels} --out {output.table} > {log} 2>&1"


rule proxy_refine:
    input:
        config="<run>/configs/proxy-refine.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        fused=TABLE.unrefined.pattern,
    output:
        table="<run>/proxy/refined/shard-{scatteritem}.csv",
    log:
        "<run>/logs/proxy_refine/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/proxy_refine/{scatteritem}.tsv"
    conda:
        "../../envs/weakseg.yaml"
    resources:
        mem_mb=memory("proxy_refine"),
        runtime=240,
    params:
        fused=subpath(input.fused, parent=True),
        labels=subpath(output.table, parent=True),
    shell:
        "weakseg proxy refine --config {input.config} --index {input.index} --classes {input.classes}"
        " --shard {wildcards.scatteritem} --fused {params.fused}"
        " --labels {params.labels} --out {output.table} > {log} 2>&1"


rule proxy_boxes:
    input:
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        refined=TABLE["proxy_refine"].shard_files,
    output:
        "<run>/proxy/boxes.json",
    log:
        "<run>/logs/proxy_boxes.log",
    benchmark:
        "<run>/benchmarks/proxy_boxes.tsv"
    conda:
        "../../envs/weakseg.yaml"
    resources:
        mem_mb=memory("evaluate"),
        runtime=60,
    params:
        decided=DECIDED,
        labels=TABLE["proxy_refine"].label_folder,
        least=cfg.detector.least_region,
        review=["--review", TABLE.folder / "review"] * bool(DECIDED),
    shell:
        "weakseg proxy boxes --index {input.index} --classes {input.classes} --split train"
        " --labels {params.labels} --least {params.least} {params.review:q} --out {output} > {log} 2>&1"
