#!/usr/bin/env bash
# Snakemake runs this in the new environment, in the folder it was started in: the checkout. Elsewhere (`weakseg init`) there
# is no source to install; the rules then run the `weakseg` that is installed beside snakemake.
set -euo pipefail
[[ -f pyproject.toml ]] || exit 0
pip install --no-deps --editable .
