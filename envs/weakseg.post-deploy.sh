#!/usr/bin/env bash
# Snakemake runs this in the new environment, in the folder it was started in: the checkout.
set -euo pipefail
pip install --no-deps --editable .
