#!/bin/sh
# Fetches the optional CRDs, as their projects publish them, into target/optional-crds. Each comes with a Go module, whose checksum is pinned here.
set -eu

source=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$(CDPATH= cd -- "$source/../.." && pwd)/target}
output=$target/optional-crds

fail() {
    echo "optional CRDs: $*" >&2
    exit 1
}

# Module, version, checksum, path of the definition.
definitions() {
    cat <<'END'
github.com/kedacore/keda/v2 v2.21.0 h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps= config/crd/bases/keda.sh_scaledobjects.yaml
sigs.k8s.io/gateway-api v1.6.3 h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc= config/crd/standard/gateway.networking.k8s.io_httproutes.yaml
sigs.k8s.io/gateway-api-inference-extension v1.5.0 h1:w9Awt60cmI1vM7Y6N81h8wDCBP0WkmxpdI7GKY0v070= config/crd/bases/inference.networking.k8s.io_inferencepools.yaml
END
}

hash=$(sha256sum "$source/build.sh" | cut -d ' ' -f 1)
if [ "$(cat "$output/stamp" 2>/dev/null)" = "$hash" ]; then
    echo "optional CRDs: $output is up to date"
    exit 0
fi
command -v go >/dev/null 2>&1 || fail "the command 'go' is missing. Install Go (https://go.dev/doc/install)."
mkdir -p "$output" "$target/go"
export GOPATH="$target/go" GOMODCACHE="$target/go/mod" GOFLAGS=-modcacherw
cd "$output"
definitions | while read -r module version sum path; do
    answer=$(go mod download -json "$module@$version") || fail "$module@$version cannot be fetched: $answer"
    value() { echo "$answer" | sed -n "s/^[[:space:]]*\"$1\": \"\(.*\)\",*$/\1/p"; }
    [ "$(value Sum)" = "$sum" ] || fail "$module@$version has the checksum $(value Sum) and not $sum"
    cp -f "$(value Dir)/$path" "$output/"
done
echo "$hash" >"$output/stamp"
echo "optional CRDs: $(ls "$output" | grep -c yaml) definitions in $output"
