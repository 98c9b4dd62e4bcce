# make run: the whole chain, results in results/mini/, the report in results/mini/report.html
# make test: lint, types and tests
# make envs: on a cluster, the conda environments of envs/, with CUDA; make lock: pin them again
# Each target makes .venv first if it is missing. By hand: . .venv/bin/activate, then snakemake, pytest, omniedit.

PYTHON ?= python3
VENV := .venv
REPORT := results/mini/report.html
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Containers often set it to 1: then every job compiles torch and diffusers again, 20 s instead of 8.
export PYTHONDONTWRITEBYTECODE :=
INSTALL := $(VENV)/bin/python -m pip install --quiet --no-compile --constraint constraints.txt

.PHONY: run test lint report envs conda lock clean

run: $(VENV)/embedded.ok
	snakemake all
	@$(MAKE) --no-print-directory report

# Made again only if a file in the run's results is newer.
report: $(VENV)/embedded.ok
	@if ! test -f $(REPORT) || find results/mini -newer $(REPORT) -type f | grep -q .; then \
		snakemake --report $(REPORT); \
	fi
	@echo "report: $(REPORT)"

# Lint runs in parallel with the tests, because it is mostly mypy on one core; its output is printed last. Two cores serve
# three workers, because the one that tests Slurm mostly waits.
test: $(VENV)/test.ok
	@$(MAKE) --no-print-directory lint > $(VENV)/lint.log 2>&1 & lint=$$!; \
	pytest -n 3 --dist loadscope --no-loadscope-reorder -rfEs; tests=$$?; \
	wait $$lint; linted=$$?; cat $(VENV)/lint.log; exit $$((tests + linted))

lint: $(VENV)/test.ok
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	mypy
	snakemake --lint

envs: conda $(VENV)/slurm.ok
	snakemake --profile profiles/slurm --software-deployment-method conda --conda-create-envs-only all

conda:
	@command -v conda > /dev/null || { echo "error: make envs needs conda 24.7.1 or newer on the PATH" >&2; exit 1; }

lock: $(VENV)/test.ok
	python envs/lock.py

$(VENV)/embedded.ok: pyproject.toml constraints.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable '.[workflow,embedded,text,train,score,report]'
	@touch $@

# Environment of the node that starts Snakemake.
$(VENV)/slurm.ok: pyproject.toml constraints.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable '.[workflow,report,slurm]'
	@touch $@

$(VENV)/test.ok: $(VENV)/embedded.ok
	$(INSTALL) --editable '.[workflow,embedded,text,train,score,report,slurm,demo,test]'
	@touch $@

clean:
	rm -rf $(VENV) results logs .snakemake $(filter-out benchmarks/ablation/ benchmarks/student/,$(wildcard benchmarks/*/))
