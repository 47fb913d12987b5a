#!/bin/sh
# Builds the control plane for tests into target/controlplane/bin, unless what is there is of the same sources.
# Everything that Go stores lies under target/, so that a clean clone builds the same and `cargo clean` removes it.
set -eu

source=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$(CDPATH= cd -- "$source/../.." && pwd)/target}
output=$target/controlplane
programs="etcd helm kube-apiserver kube-controller-manager kube-proxy kube-scheduler kubectl kubelet kwok"
kubernetes=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' "$source/go.mod")
helm=$(awk '$1 == "helm.sh/helm/v4" { print $2 }' "$source/go.mod")
wanted_go=$(awk '$1 == "go" { print $2 }' "$source/go.mod")

fail() {
    echo "control plane: $*" >&2
    exit 1
}

require_go() {
    command -v go >/dev/null 2>&1 ||
        fail "the command 'go' is missing. Install Go $wanted_go or later (https://go.dev/doc/install). Any Go from 1.21 on will do, since it fetches the version that is wanted."
    # GOTOOLCHAIN=auto lets an older Go fetch the toolchain that go.mod asks for, whatever the machine's own setting.
    GOTOOLCHAIN=auto go -C "$source" version >/dev/null 2>&1 ||
        fail "$(go version) neither is Go $wanted_go nor could fetch it. Install Go $wanted_go or later (https://go.dev/doc/install)."
}

sources_hash() {
    cat "$source"/go.mod "$source"/go.sum "$source"/*.go "$source/build.sh" | sha256sum | cut -d ' ' -f 1
}

# Clients refuse a server whose version string is not a version, which is what is there without these.
version_flags() {
    rest=${kubernetes#v}
    major=${rest%%.*}
    rest=${rest#*.}
    for setting in "gitVersion=$kubernetes" "gitMajor=$major" "gitMinor=${rest%%.*}" gitTreeState=clean \
        gitCommit=0000000000000000000000000000000000000000 buildDate=2026-01-01T00:00:00Z; do
        printf ' -X k8s.io/component-base/version.%s -X k8s.io/client-go/pkg/version.%s' "$setting" "$setting"
    done
    printf ' -X helm.sh/helm/v4/internal/version.version=%s' "$helm"
}

require_go
hash=$(sources_hash)
if [ -x "$output/bin/controlplane" ] && [ "$(cat "$output/stamp" 2>/dev/null)" = "$hash" ]; then
    echo "control plane: $output/bin is up to date (Kubernetes $kubernetes)"
    exit 0
fi

echo "control plane: building Kubernetes $kubernetes, etcd, KWOK and Helm into $output/bin"
echo "control plane: about 13 minutes the first time on two cores, about a minute after a change; needs about 6 GiB of disk"
started=$(date +%s)
mkdir -p "$output/bin" "$target/go"
export GOTOOLCHAIN=auto GOFLAGS=-buildvcs=false GOPATH="$target/go" GOMODCACHE="$target/go/mod" GOCACHE="$target/go/build"
# Writable modules, so that `rm -r target` and `cargo clean` can delete them.
export GOFLAGS="$GOFLAGS -modcacherw"
CGO_ENABLED=0 go build -C "$source" -trimpath -ldflags "-s -w$(version_flags)" -o "$output/bin/controlplane.new" .
mv "$output/bin/controlplane.new" "$output/bin/controlplane"
for program in $programs; do
    ln -sf controlplane "$output/bin/$program"
done
echo "$hash" >"$output/stamp"
echo "control plane: done in $(($(date +%s) - started)) s, $(du -hL "$output/bin/controlplane" | cut -f 1)"
