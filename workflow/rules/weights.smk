# Published weights that the configuration names: fetched once for all runs, and verified, before anything trains.
#
# Inputs:  none; the addresses and checksums of weakseg's table (`weakseg weights list`), or of the hub
# Outputs: <run>/weights/<name>.json (name, SHA-256, licence, and of a hub's file its revision; the file itself lies in a
#          cache outside of the run), and <run>/weights/ready, for which every training waits

import re

WEIGHTS = said(inputs.known_weights, TABLE)


wildcard_constraints:
    known="|".join(re.escape(known.name) for known in WEIGHTS) or "none",


rule weights_fetch:
    output:
        "<run>/weights/{known}.json",
    log:
        "<run>/logs/weights/{known}.log",
    priority: 100
    localrule: True
    conda:
        "../../envs/weakseg.yaml"
    params:
        # Not compared, since it takes `output`: a licence that is accepted later makes nothing again.
        accepted=lambda wildcards, output: [
            word for name in cfg.accept_licenses for word in ("--accept-license", name)
        ],
    shell:
        "weakseg weights stamp {wildcards.known} {params.accepted:q} --out {output} > {log} 2>&1"


rule weights_ready:
    input:
        [
            inputs.stamp(TABLE, known)
            for known in inputs.known_weights(
                TABLE, ("saliency", "attention", "segmenter")
            )
        ],
    output:
        touch("<run>/weights/ready"),
    log:
        "<run>/logs/weights/ready.log",
    priority: 100
    localrule: True
    conda:
        "../../envs/weakseg.yaml"
    shell:
        ": > {log}"
