#!/bin/sh
# Builds a gateway for tests into target/gateway, unless what is there is of the same sources: Envoy Gateway, the kinds that it
# needs, and the part of its chart that holds its rights. Envoy itself is that of the node. Everything lies under target/, so
# that `cargo clean` removes it.
set -eu

source=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$(CDPATH= cd -- "$source/../.." && pwd)/target}
output=$target/gateway
module=github.com/envoyproxy/gateway
version=$(awk -v module="$module" '$1 == "require" && $2 == module { print $3 } $1 == module { print $2 }' "$source/go.mod")

fail() {
    echo "gateway: $*" >&2
    exit 1
}

folder_of() {
    (cd "$source" && go list -m -f '{{.Dir}}' "$1")
}

build() {
    (cd "$source" && CGO_ENABLED=0 go build -trimpath \
        -ldflags "-s -w -X $module/internal/cmd/version.envoyGatewayVersion=$version" \
        -o "$output/bin/envoy-gateway" "$module/cmd/envoy-gateway")
    rm -rf "$output/kinds" "$output/chart"
    mkdir -p "$output/kinds" "$output/chart/templates"
    cp "$(folder_of sigs.k8s.io/gateway-api)"/config/crd/standard/gateway.networking.k8s.io_*s.yaml "$output/kinds/"
    rm -f "$output"/kinds/*_vap_*.yaml
    chart=$(folder_of "$module")/charts/gateway-helm
    cp "$chart"/charts/crds/crds/generated/*.yaml "$output/kinds/"
    cp "$chart"/templates/_*.tpl "$chart"/templates/*-rbac.yaml "$chart"/templates/*-serviceaccount.yaml "$output/chart/templates/"
    rm -f "$output"/chart/templates/certgen-*
    # The kinds are there, and values of images stand for nothing here.
    sed '/^dependencies:/,$d' "$chart/Chart.yaml" >"$output/chart/Chart.yaml"
    sed 's/\${[A-Za-z]*}/unused/' "$chart/values.tmpl.yaml" >"$output/chart/values.yaml"
}

command -v go >/dev/null 2>&1 || fail "the command 'go' is missing. Install Go (https://go.dev/doc/install)."
mkdir -p "$output/bin" "$target/go"
export GOTOOLCHAIN=auto GOFLAGS="-buildvcs=false -modcacherw"
export GOPATH="$target/go" GOMODCACHE="$target/go/mod" GOCACHE="$target/go/build"
hash=$(cat "$source/build.sh" "$source/go.mod" "$source/go.sum" | sha256sum | cut -d ' ' -f 1)
if [ "$(cat "$output/stamp" 2>/dev/null)" != "$hash" ]; then
    begun=$(date +%s)
    echo "gateway: Envoy Gateway … (about 5 minutes the first time on two cores)"
    # Not in an `if`, where a command that fails would end nothing.
    (set -e; build) >"$output/log" 2>&1 & wait $! || {
        tail -n 20 "$output/log" >&2
        fail "it did not build; the whole log is $output/log"
    }
    chmod -R u+w "$output/kinds" "$output/chart"
    echo "$hash" >"$output/stamp"
    echo "gateway: done in $(($(date +%s) - begun)) s"
fi
echo "gateway: $output is up to date (Envoy Gateway $version)"
