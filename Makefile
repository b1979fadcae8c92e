# Every command of the project. A bare `make` lists them.
# The same targets work on AWS, with your credentials, and offline: `.venv/bin/localcloud run -- make deploy`.

# -- What you may choose: make train RECIPE=fast SET="epochs=3 seed=7" ------------------------------------------

# Source of the reviews: sample (packaged on PyPI), aclimdb or kaggle; the last two may need DATA_PATH.
DATA ?= sample
DATA_PATH ?=
# Named settings of the model (sentiment/training/recipes.py), and single hyperparameters to override.
RECIPE ?= fast
SET ?=
# A model to use instead of training one: a folder, a model.tar.gz, approved (make promote), models:/movie-sentiment@champion, runs:/ID/model.
MODEL ?=
# make retrain, make promote, make drift: aws (the cloud that the environment names) or selfhost. AUTO=1 promotes by the rules;
# TRUST="word ..." keeps votes about these words, even many at once; VERSION=3 promotes that version.
WHERE ?= aws
AUTO ?=
TRUST ?=
VERSION ?=
# How far back make drift looks: hours (24h) or days (7d).
WINDOW ?= 24h
# A new model first answers this percentage of the texts; it may take over after so many minutes and answers.
CANARY ?=
CANARY_MINUTES ?= 30
CANARY_ANSWERS ?= 50
# The image that answers: slim (our own, serve/Dockerfile), ray (AWS's Ray Serve) or pytorch (AWS's, without security
# updates since 2026-06-30).
CONTAINER ?= slim
# Version of the SageMaker Python SDK that starts the jobs: 2, or 3, which has an environment of its own.
SDK ?= 2
# Machines of each job, their type, and SPOT=1 to train on spot instances, which AWS may reclaim for a time.
INSTANCES ?= 1
INSTANCE_TYPE ?=
SPOT ?= 0
# Where the reviews are prepared: here, or in shards by a processing job on sagemaker.
ON ?= here
# Where the model answers: serverless, with PROVISIONED=2 containers kept warm; or on instances: AUTOSCALE=2:10 of them,
# or a fixed number, INSTANCES, which then does not apply to jobs.
ENDPOINT ?=
AUTOSCALE ?=
PROVISIONED ?= 0
# Name of the CloudFormation stack: one stack is one whole system.
STACK ?= movie-sentiment
# QUICK=1 measures in miniature (make bench); PAGE=http://... is the page that make screenshots shoots.
QUICK ?=
PAGE ?=
# Where the offline cloud listens.
PORT ?= 4566
# Where `make mlflow` listens.
MLFLOW_PORT ?= 5001
# Where `make selfhost` serves the page and the API.
WEB_PORT ?= 5000
# Python 3.11.4 to 3.14; the first on the PATH that runs. Where there is none, uv fetches one.
# -E in $(shell ...), which before make 4.4 gets the environment as it is, whatever `unexport` below says.
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for python in python3.12 python3.13 python3.11 python3.14 python3 python; do \
	$$python -E -c 'import sys; sys.exit(not (3, 11, 4) <= sys.version_info < (3, 15))' 2>/dev/null \
	&& echo $$python && break; done)
else
THIS_PYTHON := --this-python
endif
# Package index for torch alone: on Linux without an NVIDIA GPU the one with the small CPU build.
TORCH_INDEX ?= $(shell [ "$$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null \
	&& echo https://download.pytorch.org/whl/cpu)

# ---------------------------------------------------------------------------------------------------------------

# All of the above, for `make help`, and those that were given. Unknown names are refused.
SETTINGS := DATA DATA_PATH RECIPE SET MODEL WHERE AUTO TRUST VERSION WINDOW CANARY CANARY_MINUTES CANARY_ANSWERS CONTAINER SDK ON \
	INSTANCES INSTANCE_TYPE SPOT ENDPOINT AUTOSCALE PROVISIONED STACK PORT MLFLOW_PORT WEB_PORT PYTHON TORCH_INDEX QUICK PAGE
GIVEN := $(strip $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name))))
# Settings that the environment may hold for another program: only the steps that read them check them.
LEFT_TO_STEPS := AUTO QUICK VERSION WINDOW
FROM_ENVIRONMENT := $(foreach name,$(filter-out $(LEFT_TO_STEPS),$(SETTINGS)),$(if $(filter environment,$(origin $(name))),$(name)))

# A value as one word of the shell, whatever it holds; line ends become spaces.
define NEWLINE


endef
quoted = '$(subst $(NEWLINE), ,$(subst ','\'',$(1)))'
# Non-empty if a flag is set to anything but 0.
is_set = $(filter-out 0,$($(1)))

# What another project may need: its modules would be imported instead of ours, or ours not found; docstrings, from
# which the help is made, would be gone; programs would not end.
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONOPTIMIZE PYTHONINSPECT

BIN := .venv/bin
# Where no bytecode may be kept, each of the hundreds of programs that the tests start compiles all its modules.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder
# What runs the installer: the Python above, or an older one or uv, which then looks for a supported one.
WITH := $(or $(if $(PYTHON),$(call quoted,$(PYTHON))),$(shell python3 -E -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null && echo python3 \
	|| { command -v uv >/dev/null && echo uv run --no-project python; }))
INSTALL = $(WITH) requirements/install.py $(THIS_PYTHON) --torch-index=$(call quoted,$(TORCH_INDEX))
# Folder for results; the tests use another.
BUILD := build
PIPELINE = $(BIN)/python -m pipeline --build $(call quoted,$(BUILD)) --sam $(call quoted,$(CURDIR)/.venv-sam/bin/sam) \
	--stack $(call quoted,$(STACK)) --container $(call quoted,$(CONTAINER)) --sdk $(call quoted,$(SDK)) --data $(call quoted,$(DATA)) \
	$(if $(DATA_PATH),--data-path=$(call quoted,$(DATA_PATH))) $(if $(MODEL),--model=$(call quoted,$(MODEL))) \
	--recipe $(call quoted,$(RECIPE)) $(foreach pair,$(SET),--set=$(call quoted,$(pair))) \
	$(if $(CANARY),--canary $(call quoted,$(CANARY))) --canary-minutes $(call quoted,$(CANARY_MINUTES)) --canary-answers $(call quoted,$(CANARY_ANSWERS)) \
	--on $(call quoted,$(ON)) --instances $(if $(ON_INSTANCES),1,$(call quoted,$(INSTANCES))) --spot $(call quoted,$(SPOT)) \
	$(if $(INSTANCE_TYPE),--train-instance-type=$(call quoted,$(INSTANCE_TYPE)) \
	$(if $(filter evaluate,$(MAKECMDGOALS)),--transform-instance-type=$(call quoted,$(INSTANCE_TYPE)))) \
	--endpoint $(call quoted,$(ENDPOINT)) --endpoint-instances $(if $(ON_INSTANCES),$(call quoted,$(INSTANCES)),1) \
	--autoscale $(call quoted,$(AUTOSCALE)) --provisioned $(call quoted,$(PROVISIONED))
# Options of the programs that prepare reviews themselves.
REVIEWS = --data $(call quoted,$(DATA)) --data-path=$(call quoted,$(DATA_PATH))
ON_INSTANCES = $(filter instances,$(ENDPOINT))

# make for a command of localcloud. A line that names $(MAKE) itself would start the cloud even under -n; and the
# jobs of -j, which MAKEFLAGS announces, cannot be shared through another program.
AGAIN = env -u MAKEFLAGS $(MAKE) --no-print-directory $(foreach name,$(GIVEN),$(call quoted,$(name)=$(value $(name))))
# With the advice that localcloud gives if the port is taken.
CLOUD = $(BIN)/localcloud run --port $(call quoted,$(PORT)) --port-advice "make $@ PORT=$(if $(filter 4600,$(PORT)),4700,4600)"

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo setup settings base preflight check data prepare bootstrap image upload train package evaluate register deploy canary-finish rollback retrain promote drift summary screenshots mlflow-shots load load-deployed destroy mlflow notebook notebook-run bench scaling selfhost test test-pythons test-avx2 style lint sbom format lock clean
MAKEFLAGS += --no-print-directory

# What `make help` shows, in this order:
##@ First steps: demo notebook selfhost
##@ On AWS with your credentials, or offline behind `.venv/bin/localcloud run --`: deploy canary-finish rollback evaluate summary destroy
##@ Single steps, each after those that it needs: preflight data prepare bootstrap image upload train package
##@ With MLflow: mlflow register
##@ From what people send to the next model: drift retrain promote
##@ Working on it: check test test-pythons test-avx2 style lint format bench scaling load sbom lock setup base clean
##@ Pictures and outputs in the repository: screenshots mlflow-shots notebook-run

help: ## List the targets
	@echo "make TARGET [NAME=value ...]     begin with: make demo"
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { text[$$1] = $$2 } \
		/^##@ / { titles[++groups] = substr($$0, 5) } \
		END { for (group = 1; group <= groups; group++) { \
			end = match(titles[group], /: [a-z0-9 -]+$$/); print "\n" substr(titles[group], 1, end - 1); \
			count = split(substr(titles[group], end + 2), names, " "); \
			for (each = 1; each <= count; each++) printf "  %-13s %s\n", names[each], text[names[each]] } }' $(MAKEFILE_LIST)
	@echo; echo "NAME is one of $(SETTINGS); the top of the Makefile explains them"

demo: base ## The whole chain, offline, from reviews to a page that answers; stays up until Ctrl-C
	@$(CLOUD) --stay -- $(AGAIN) evaluate deploy summary

setup: base ## Install all dependencies (the other targets install what they need by themselves)
	@$(INSTALL) scan

settings:
	@test -n $(call quoted,$(WITH)) || { echo "error: Python 3.11.4 to 3.14 is needed, and there is neither a Python nor uv to fetch one;" \
		"install one, or name it: make PYTHON=/path/to/python3.13" >&2; exit 1; }
	@$(WITH) -c '' 2>/dev/null || { echo error: PYTHON=$(call quoted,$(PYTHON))" does not run;" \
		"name a Python 3.11.4 to 3.14: make PYTHON=/path/to/python3.13" >&2; exit 1; }
	@$(WITH) requirements/make_settings.py Makefile $(foreach name,$(GIVEN),$(call quoted,$(name)=$($(name)))) \
		--environment $(foreach name,$(FROM_ENVIRONMENT),$(call quoted,$(name)=$($(name))))

base: settings ## Install only what demo, deploy and their steps need
	@$(INSTALL) project sam $(if $(and $(filter ray,$(CONTAINER)),$(AWS_ENDPOINT_URL)),ray) $(if $(filter 3,$(SDK)),sdk3)

preflight: $(if $(filter models:% runs:%,$(MODEL)),setup,base) ## Check the settings, the region and the credentials
	@$(PIPELINE) check

data: base ## Get the reviews
	@$(PIPELINE) data

prepare: data $(if $(filter sagemaker,$(ON)),preflight bootstrap) ## Turn reviews into arrays of word ids
	@$(PIPELINE) prepare

bootstrap: base ## Create the stack's bucket and roles (the first half of deploy)
	@$(PIPELINE) bootstrap

image: bootstrap ## Build our own inference image and push it to the stack's repository
	@$(PIPELINE) image

upload: preflight prepare bootstrap ## Upload the arrays to S3
	@$(PIPELINE) upload

train: upload ## Train the model by a SageMaker training job
	@$(PIPELINE) train

package: $(if $(MODEL),preflight bootstrap,train) ## Check the model and put it where endpoints load it
	@$(PIPELINE) package

evaluate: package $(if $(MODEL),upload) ## Test the model on held-out reviews by SageMaker batch transform
	@$(PIPELINE) evaluate

register: setup package ## Log the model's run to MLflow and register the model
	@MLFLOW_TRACKING_URI="$${MLFLOW_TRACKING_URI:-http://127.0.0.1:$(MLFLOW_PORT)}" $(PIPELINE) register

deploy: package ## Deploy endpoint, Lambda, API and page by AWS SAM, training first if need be
	@$(PIPELINE) deploy

TRACKED = MLFLOW_TRACKING_URI="$${MLFLOW_TRACKING_URI:-http://127.0.0.1:$(MLFLOW_PORT)}"
RETRAIN_OPTIONS = $(if $(call is_set,AUTO),--auto) $(if $(TRUST),--trust=$(call quoted,$(TRUST)))

retrain: $(if $(filter selfhost,$(WHERE)),setup,preflight bootstrap) ## Train on people's votes and compare with the model that answers
	@$(if $(filter selfhost,$(WHERE)),$(TRACKED) $(BIN)/python -m selfhost.retrain $(REVIEWS) \
		--recipe $(call quoted,$(RECIPE)) --set=$(call quoted,$(SET)),$(PIPELINE) retrain) $(RETRAIN_OPTIONS)

promote: $(if $(filter selfhost,$(WHERE)),setup,base) ## Let the newest model take over, if it passed its comparison
	@$(if $(filter selfhost,$(WHERE)),$(TRACKED) $(BIN)/python train/tracking.py promote $(if $(VERSION),$(call quoted,$(VERSION))),$(PIPELINE) \
		promote $(if $(VERSION),--version=$(call quoted,$(VERSION))))

drift: $(if $(filter selfhost,$(WHERE)),setup,base) ## Compare what people send with what the model was measured on
	@$(if $(filter selfhost,$(WHERE)),$(BIN)/python -m selfhost.drift $(REVIEWS) \
		--build $(call quoted,$(BUILD)),$(PIPELINE) drift) --window $(call quoted,$(WINDOW))

canary-finish: base ## Resume the trial that deploy CANARY=10 began, until the new model takes over or is rolled back
	@$(PIPELINE) canary-finish

rollback: base ## Return to the previous model, or end the trial of a new one
	@$(PIPELINE) rollback

summary: base ## Print the addresses of the page and the API
	@$(PIPELINE) summary

screenshots: setup ## Take the README's pictures of the deployed page (or of PAGE=http://...)
	@page=$(call quoted,$(PAGE)); test -n "$$page" || { summary=$$($(PIPELINE) summary) \
		&& page=$$(printf '%s\n' "$$summary" | awk '$$1 == "Page" { print $$2 }'); } \
		&& $(BIN)/python docs/screenshots.py "$$page"

mlflow-shots: setup ## Train three small models and take the README's pictures of them in MLflow
	@$(BIN)/python docs/mlflow_screenshots.py

bench: setup ## Measure the models beside their references; QUICK=1 for a look in three minutes
	@$(BIN)/python -m benchmarks --data $(call quoted,$(DATA)) $(if $(DATA_PATH),--data-path=$(call quoted,$(DATA_PATH))) $(if $(call is_set,QUICK),--quick)

scaling: setup ## Measure training and preparing with several processes and hosts; QUICK=1 in miniature
	@$(BIN)/python -m benchmarks.scaling $(if $(call is_set,QUICK),--quick)

load: setup ## Measure the chain and the self-hosted server under load, offline; QUICK=1 in miniature
	@$(CLOUD) -- $(AGAIN) load-deployed

load-deployed: deploy
	@$(BIN)/python -m benchmarks.load --stack $(call quoted,$(STACK)) \
		$(if $(call is_set,QUICK),--requests 1000 --seconds 3 --output build/reliability.md)

destroy: base ## Delete everything that deploy created in the cloud
	@$(PIPELINE) destroy

mlflow: setup ## Start an MLflow server with its pages; Ctrl-C ends it
	@$(BIN)/python train/tracking.py serve --port $(MLFLOW_PORT)

selfhost: setup ## Serve page and API by Flask, with MLflow's champion; trains one if there is none; Ctrl-C ends it
	@exec $(BIN)/python -m selfhost --port $(WEB_PORT) --mlflow-port $(MLFLOW_PORT) $(REVIEWS) \
		--recipe $(call quoted,$(RECIPE)) --set=$(call quoted,$(SET))

notebook: setup ## Open the walkthrough in JupyterLab, with an offline cloud behind it; Ctrl-C ends both
	@$(CLOUD) -- $(BIN)/python notebooks/open.py

notebook-run: setup ## Run the walkthrough from top to bottom and keep its outputs
	@$(CLOUD) -- $(BIN)/python notebooks/execute.py

check: style ## Check style and types, and run the fast tests; about a minute
	@$(PYTEST) -n 2 -p no:schemathesis -p no:anyio -m "not slow" tests/unit

test: lint ## Run all the tests, the real page in a real browser among them
	@$(BIN)/python tests/browser/chromium.py
	@$(BIN)/python tests/processors.py
	@$(PYTEST)
	@$(MAKE) test-pythons

test-pythons: setup ## Run the fast tests on the other supported Pythons that this machine has
	@$(BIN)/python tests/pythons.py --torch-index=$(call quoted,$(TORCH_INDEX))

test-avx2: setup ## Run the tests as on a processor that has AVX2 at most (on x86-64 Linux)
	@library=$$(mktemp) && trap 'rm -f "$$library"' EXIT && cc -O2 -shared -fPIC -o "$$library" tests/hide_avx512.c -ldl \
		&& LD_PRELOAD="$$library" $(PYTEST)

# What bandit reads: all but the tests. Images need no health check of their own (CKV_DOCKER_2): docker-compose.yml
# has one for each server, and the trainer ends.
PROGRAMS := benchmarks docs examples lambda localcloud notebooks pipeline project requirements selfhost sentiment serve teacher tracking train

style: setup ## Check style, types, and imports between the parts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@PYTHONPATH=lambda $(BIN)/lint-imports
	@$(BIN)/mypy

lint: style ## Check style and types, the template and CI's settings, and look for insecure code and settings
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@.venv-scan/bin/bandit --quiet --configfile pyproject.toml --recursive $(PROGRAMS)
	@.venv-scan/bin/checkov --directory . --framework cloudformation dockerfile --skip-path .venv --skip-path build \
		--skip-check CKV_DOCKER_2 --quiet --compact --skip-download
	@cd infra && SAM_CLI_TELEMETRY=0 ../.venv-sam/bin/sam validate --lint --region us-east-1

format: setup ## Format the code
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

# torch and what only its CUDA build needs are pinned apart from the rest, since the build depends on the machine.
COMPILE = $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header
TORCH_CPU := https://download.pytorch.org/whl/cpu
lock: UV = $(shell command -v uv || echo .venv-uv/bin/uv)
lock: setup ## Pin the newest versions that pyproject.toml and the .in files allow
	@$(COMPILE) --all-extras --excludes requirements/cuda.in --excludes requirements/unwanted.in \
		--no-emit-package torch -o requirements/lock.txt pyproject.toml
	@for name in uv sam scan toolkit sdk3 awscli; do $(COMPILE) -o requirements/$$name.lock requirements/$$name.in || exit 1; done
	@for name in web mlflow trainer; do $(COMPILE) --excludes requirements/cuda.in --no-emit-package torch \
		-c requirements/lock.txt -o selfhost/docker/$$name.lock selfhost/docker/$$name.in || exit 1; done
	@for name in serve ray teacher; do $(COMPILE) -c requirements/lock.txt -o requirements/$$name.lock requirements/$$name.in || exit 1; done
	@$(COMPILE) --no-deps -o requirements/torch.lock requirements/torch.in
	@version=$$(sed -n 's/^torch==\([0-9.]*\).*/\1/p' requirements/torch.lock) && echo "torch==$$version+cpu" \
		| $(COMPILE) --no-deps --index $(TORCH_CPU) --no-annotate -o requirements/torch-cpu.lock -
	@$(COMPILE) -c requirements/lock.txt -c requirements/torch.lock $(patsubst %,--no-emit-package %,torch $(shell \
		sed -n 's/^\([a-z0-9-]*\)==.*/\1/p' requirements/lock.txt)) -o requirements/torch-cuda.lock requirements/torch.in

sbom: setup ## Write what each lock file installs as CycloneDX bills of materials, to build/sbom/
	@mkdir -p build/sbom
	@for lock in $(wildcard requirements/*.lock selfhost/docker/*.lock) requirements/lock.txt; do \
		name=build/sbom/$$(basename "$$lock" | sed 's/[.]/-/').cdx.json; \
		PYTHONWARNINGS=ignore::UserWarning .venv-scan/bin/cyclonedx-py requirements --output-format JSON --output-reproducible \
			--outfile "$$name" "$$lock" && echo "   wrote: $$name" || exit 1; \
	done

clean: $(if $(GIVEN),settings) ## Delete what can be made again: results, caches, virtual environments; var/ (MLflow, votes) stays
	@[ ! -d build ] || $(if $(PYTHON),$(call quoted,$(PYTHON)),python3) project/persistent.py build var
	@rm -rf build .venv .venv-* *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
