#!/usr/bin/env bash
# Everything that has to hold, step by step, and one closing line that counts. `make test` runs it.
set -uo pipefail
cd "$(dirname "$0")/.."

started=$SECONDS
log=target/test.log
mkdir -p target
: >"$log"
passed=0
failed=0

# A step is one check: it passes or fails as a whole.
step() {
    local name=$1
    shift
    local begun=$SECONDS
    printf '==> %s\n' "$name"
    if "$@"; then
        passed=$((passed + 1))
        printf '    passed after %d s\n' $((SECONDS - begun))
    else
        failed=$((failed + 1))
        printf '    FAILED after %d s\n' $((SECONDS - begun))
    fi
}

# A step whose tests are counted one by one, from the closing lines of Cargo's test programs.
tests() {
    local name=$1
    shift
    local begun=$SECONDS
    local own=target/test-step.log
    printf '==> %s\n' "$name"
    "$@" 2>&1 | tee "$own"
    local status=${PIPESTATUS[0]}
    cat "$own" >>"$log"
    local counts
    counts=$(awk '/^test result:/ { passed += $4; failed += $6 } END { print passed + 0, failed + 0 }' "$own")
    local here=${counts% *} wrong=${counts#* }
    # Tests that did not even compile, or a program that died, print no closing line; and no test at all is no success.
    if [ "$wrong" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$here" -eq 0 ]; }; then wrong=1; fi
    passed=$((passed + here))
    failed=$((failed + wrong))
    printf '    %d passed, %d failed, after %d s\n' "$here" "$wrong" $((SECONDS - begun))
}

deny() {
    if ! target/tools/bin/cargo-deny --version >/dev/null 2>&1; then
        printf '    building cargo-deny once (about 5 minutes)\n'
        # Built for a quick build: it runs for a second.
        CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
            cargo install --quiet cargo-deny --version 0.20.2 --locked --root target/tools --target-dir target/tools/build || return 1
        rm -rf target/tools/build
    fi
    target/tools/bin/cargo-deny --log-level warn check licenses bans sources
}

step 'formatting' cargo fmt --all --check
step 'the control plane is built' e2e/controlplane/build.sh
step 'the object store is built' e2e/objectstore/build.sh
step 'the kinds of others are there' e2e/guests/build.sh
step 'clippy, warnings as errors' cargo clippy --quiet --workspace --all-targets -- --deny warnings
step 'licences, banned and doubled dependencies' deny
step 'each crate compiles on its own' bash -c '
    for crate in hemvist-api hemvist-core hemvist-digest hemvist-fetch hemvist-cli hemvist-operator hemvist-e2e hemvist-e2e-real hemvist-conformance; do
        cargo check --quiet --package "$crate" || exit 1
    done'
step 'the programs are built' cargo build --quiet --workspace
tests 'unit tests, scenarios and properties' cargo test --quiet --workspace --exclude hemvist-e2e --exclude hemvist-conformance --no-fail-fast
tests 'the compiled policies against a real API server' cargo test --quiet --package hemvist-conformance --no-fail-fast
tests 'end-to-end tests on real control planes' cargo test --quiet --package hemvist-e2e --no-fail-fast -- --test-threads=2

printf '\nafter %d s:\n%d passed, %d failed\n' $((SECONDS - started)) "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
