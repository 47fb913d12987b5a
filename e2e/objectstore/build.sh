#!/bin/sh
# Builds an S3 server for tests into target/objectstore/bin, unless what is there is of the same sources.
# Everything that Go stores lies under target/, so that a clean clone builds the same and `cargo clean` removes it.
set -eu

source=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$(CDPATH= cd -- "$source/../.." && pwd)/target}
output=$target/objectstore
version=$(awk '$1 == "github.com/versity/versitygw" { print $2 }' "$source/go.mod")
hash=$(cat "$source/go.mod" "$source/go.sum" "$source/build.sh" | sha256sum | cut -d ' ' -f 1)

if [ -x "$output/bin/versitygw" ] && [ "$(cat "$output/stamp" 2>/dev/null)" = "$hash" ]; then
    echo "object store: $output/bin is up to date (versitygw $version)"
    exit 0
fi
command -v go >/dev/null 2>&1 || {
    echo "object store: the command 'go' is missing. Install Go (https://go.dev/doc/install)." >&2
    exit 1
}
echo "object store: building versitygw $version into $output/bin, about a minute the first time on two cores"
started=$(date +%s)
mkdir -p "$output/bin" "$target/go"
# Writable modules, so that `rm -r target` and `cargo clean` can delete them.
export GOTOOLCHAIN=auto GOFLAGS="-buildvcs=false -modcacherw"
export GOPATH="$target/go" GOMODCACHE="$target/go/mod" GOCACHE="$target/go/build"
# In the folder and not with -C, since the package is that of another module.
(cd "$source" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$output/bin/" github.com/versity/versitygw/cmd/versitygw)
echo "$hash" >"$output/stamp"
echo "object store: done in $(($(date +%s) - started)) s"
