# Where images and labels come from: every later stage reads the index and nothing else about the data set.
#
# Inputs:  the tables of `dataset.table`, or PASCAL VOC (fetched when `dataset.voc.download` says so), or nothing
# Outputs: <run>/dataset/index.csv (id, image, split, labels, mask), <run>/dataset/classes.csv; the demo's images

TABLE = cfg.dataset.table
TABLES = {"labels": TABLE.labels} | {
    f"lists.{split}": path for split, path in TABLE.lists.items()
}
VOC = Path(cfg.dataset.voc.root)
DOWNLOAD = cfg.dataset.source == "voc" and cfg.dataset.voc.download
if DOWNLOAD and not VOC.match("VOCdevkit/VOC2012"):
    sys.exit(
        f"weakseg: dataset.voc.root is {VOC}; with dataset.voc.download a path that ends in "
        "VOCdevkit/VOC2012 was expected: change one of the two."
    )


rule dataset_download:
    output:
        touch("<run>/dataset/downloaded"),
    log:
        "<run>/logs/dataset_download.log",
    localrule: True
    conda:
        "../../envs/weakseg.yaml"
    params:
        root=VOC.parent.parent,
    shell:
        "weakseg dataset download --root {params.root:q} 2>&1 | tee {log}"


rule dataset_index:
    input:
        config="<run>/configs/dataset.json",
        downloaded=branch(DOWNLOAD, then="<run>/dataset/downloaded"),
        tables=[
            outside(f"dataset.table.{key}", path)
            for key, path in TABLES.items()
            if cfg.dataset.source == "table"
        ],
    output:
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
    log:
        "<run>/logs/dataset_index.log",
    benchmark:
        "<run>/benchmarks/dataset_index.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        out=subpath(output.index, parent=True),
    shell:
        "weakseg dataset index --config {input.config} --out {params.out} 2>&1 | tee {log}"
