#!/bin/sh
# Builds autoscalers for tests into target/autoscalers, unless what is there is of the same sources: KEDA's operator and its
# metrics server with the kinds and rights that they need, Prometheus, and the Prometheus Adapter with its rights. Everything
# lies under target/, so that `cargo clean` removes it.
set -eu

source=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$(CDPATH= cd -- "$source/../.." && pwd)/target}
output=$target/autoscalers
keda=$(awk '$1 == "github.com/kedacore/keda/v2" { print $2 }' "$source/keda/go.mod")
prometheus=$(awk '$2 == "github.com/prometheus/prometheus" { print $3 }' "$source/prometheus/go.mod")
adapter=$(awk '$2 == "sigs.k8s.io/prometheus-adapter" { print $3 }' "$source/prometheus-adapter/go.mod")

fail() {
    echo "autoscalers: $*" >&2
    exit 1
}

# Runs a step unless it was done in the same way with the same sources: its name, its sources, how long it takes.
step() {
    stamp=$output/$1.stamp
    hash=$({
        sed -n "/^build_$1() {/,/^}/p" "$source/build.sh"
        cat $2
    } | sha256sum | cut -d ' ' -f 1)
    [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ] && return
    begun=$(date +%s)
    echo "autoscalers: $1 … ($3)"
    "build_$1" >"$output/$1.log" 2>&1 || {
        tail -n 20 "$output/$1.log" >&2
        fail "$1 did not build; the whole log is $output/$1.log"
    }
    echo "$hash" >"$stamp"
    echo "autoscalers: $1 done in $(($(date +%s) - begun)) s"
}

# The whole of KEDA, with what it knows of other people's services. One program after the other, since each is large to link.
build_keda() {
    for program in operator adapter; do
        (cd "$source/keda" && CGO_ENABLED=0 go build -trimpath \
            -ldflags "-s -w -X github.com/kedacore/keda/v2/version.Version=${keda#v}" \
            -o "$output/bin/keda-$program" "github.com/kedacore/keda/v2/cmd/$program")
    done
    folder=$(cd "$source/keda" && go list -m -f '{{.Dir}}' github.com/kedacore/keda/v2)
    rm -rf "$output/keda"
    mkdir -p "$output/keda/kinds" "$output/keda/rights"
    cp "$folder"/config/crd/bases/*.yaml "$output/keda/kinds/"
    for file in service_account/service_account rbac/role rbac/role_binding metrics-server/role metrics-server/role_binding; do
        cp "$folder/config/$file.yaml" "$output/keda/rights/$(echo "$file" | tr / -).yaml"
    done
    cp "$folder/config/metrics-server/api_service.yaml" "$output/keda/"
    chmod -R u+w "$output/keda"
}

# Of the ways to find what is to be scraped, only Kubernetes' own.
build_prometheus() {
    (cd "$source/prometheus" && CGO_ENABLED=0 go build -trimpath -tags remove_all_sd,enable_kubernetes_sd \
        -ldflags "-s -w -X github.com/prometheus/common/version.Version=$prometheus" \
        -o "$output/bin/prometheus" github.com/prometheus/prometheus/cmd/prometheus)
}

build_adapter() {
    module=sigs.k8s.io/prometheus-adapter
    (cd "$source/prometheus-adapter" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" \
        -o "$output/bin/prometheus-adapter" "$module/cmd/adapter")
    folder=$(cd "$source/prometheus-adapter" && go list -m -f '{{.Dir}}' "$module")
    rm -rf "$output/adapter"
    mkdir -p "$output/adapter"
    for file in service-account cluster-role cluster-role-binding cluster-role-binding-delegator role-binding-auth-reader; do
        cp "$folder/deploy/manifests/$file.yaml" "$output/adapter/"
    done
    chmod -R u+w "$output/adapter"
}

command -v go >/dev/null 2>&1 || fail "the command 'go' is missing. Install Go (https://go.dev/doc/install)."
mkdir -p "$output/bin" "$target/go"
export GOTOOLCHAIN=auto GOFLAGS="-buildvcs=false -modcacherw"
export GOPATH="$target/go" GOMODCACHE="$target/go/mod" GOCACHE="$target/go/build"
step keda "$source/keda/go.mod $source/keda/go.sum" "about 6 minutes the first time on two cores"
step prometheus "$source/prometheus/go.mod $source/prometheus/go.sum" "about 4 minutes the first time on two cores"
step adapter "$source/prometheus-adapter/go.mod $source/prometheus-adapter/go.sum" "about 2 minutes the first time on two cores"
echo "autoscalers: $output is up to date (KEDA $keda, Prometheus $prometheus, Prometheus Adapter $adapter)"
