# All that a developer or a CI needs: `make` lists it. Cargo does the work; this file knows the order.

.DEFAULT_GOAL := help
.PHONY: help core crds quantities lint test controlplane optional-crds objectstore node autoscalers gateway programs e2e-real e2e-real-failures e2e-real-weights e2e-real-autoscalers e2e-real-gateway e2e-real-all demo up down bench bench-core

PLAYGROUND := cargo run --quiet --package hemvist-e2e --bin hemvist-playground --
REAL := cargo test --workspace --test real -- --ignored --nocapture

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

core: ## The inner loop: the tests that need no cluster
	cargo test --package hemvist-api --package hemvist-core

crds: ## Write the CRDs from the types
	UPDATE=1 cargo test --package hemvist-api

quantities: ## Write the table of what Kubernetes' own parser makes of quantities
	@cd e2e/controlplane && go run ./quantities >../../operator/core/tests/quantity/table.new
	@mv operator/core/tests/quantity/table.new operator/core/tests/quantity/table.tsv

lint: ## Formatting and clippy, warnings as errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings

test: ## Everything that has to hold before a merge, with one closing line that counts
	@.ci/test.sh

controlplane: ## Build Kubernetes, etcd, KWOK and Helm for the tests (about 13 minutes the first time)
	@e2e/controlplane/build.sh

objectstore: ## Build an S3 server for the tests of mirrors (about a minute the first time)
	@e2e/objectstore/build.sh

optional-crds: ## Fetch the optional CRDs for the tests: KEDA, Gateway API, Inference Extension
	@e2e/optional-crds/build.sh

node: ## Build containerd, llama.cpp and a tiny model for a real node (about 10 minutes the first time)
	@e2e/node/build.sh

autoscalers: ## Build KEDA and Prometheus for a real node (about 10 minutes the first time)
	@e2e/autoscalers/build.sh

gateway: ## Build Envoy Gateway for a real node (about 5 minutes the first time)
	@e2e/gateway/build.sh

programs: ## Build the operator, the command line and the test bed
	@echo "building Hemvist (about 4 minutes the first time)"
	@cargo build --quiet --workspace

e2e-real: controlplane optional-crds node programs ## Serve a model for real: kubelet, containerd and llama.cpp (needs root)
	$(REAL) a_model_of_the_examples_

e2e-real-failures: controlplane optional-crds node programs ## Break it in every known way, and check the reasons
	$(REAL) failures_are_

e2e-real-weights: controlplane optional-crds objectstore node programs ## Fetch, verify and serve weights, also where that fails
	$(REAL) weights_are_

e2e-real-autoscalers: controlplane optional-crds node autoscalers programs ## Let KEDA and Prometheus scale a model by its load
	$(REAL) autoscalers_take_

e2e-real-gateway: controlplane optional-crds node gateway programs ## Let a real gateway route to a model, and to nothing else
	$(REAL) a_real_gateway_routes_

e2e-real-all: e2e-real e2e-real-failures e2e-real-weights e2e-real-autoscalers e2e-real-gateway ## All that runs on a real node

demo: controlplane programs ## Show Hemvist on a cluster with simulated GPU nodes
	@$(PLAYGROUND) demo

up: controlplane programs ## Start a cluster that goes on running
	@$(PLAYGROUND) up

down: ## End the cluster that `make up` has started
	@$(PLAYGROUND) down

bench-core: ## Measure a decision and the schedule of all models, and how both grow
	@cargo bench --package hemvist-core --bench schedule -- --quiet

bench: controlplane ## Measure the operator against its budgets
	cargo build --release --package hemvist-operator --package hemvist-cli
	@cargo run --quiet --release --package hemvist-e2e --bin hemvist-bench -- $(BENCH)
	$(if $(BENCH),,@$(MAKE) --no-print-directory bench-core)
