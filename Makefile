# Short names for what CONTRIBUTING.md describes. `.ci/run` does all of it in a fresh environment.

.PHONY: check test test-all docs

check: # formats, lints and types
	ruff check
	ruff format --check
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint

test: # says in three minutes whether a change is good
	pytest -n 2 -m "not slow"

test-all: # whole pipelines, faults and fuzzing as well
	pytest -n 2

docs: # the site, in build/docs/index.html
	sphinx-build --fail-on-warning --keep-going --nitpicky --quiet docs build/docs
