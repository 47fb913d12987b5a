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
        printf '    building cargo-deny once (a few minutes)\n'
        # Built for a quick build: it runs for seconds.
        CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
            cargo install --quiet cargo-deny --version 0.20.2 --locked --root target/tools --target-dir target/tools/build || return 1
        rm -rf target/tools/build
    fi
    target/tools/bin/cargo-deny --log-level warn check licenses bans sources
}

# Go builds what clusters of tests consist of. It runs beside the first steps of Cargo, which leave a core idle at times.
clusters() {
    e2e/controlplane/build.sh && e2e/objectstore/build.sh && e2e/optional-crds/build.sh
}

# Waits for the builds of Go, and shows what they printed.
clusters_are_built() {
    wait "$clusters"
    local status=$?
    clusters=
    cat "$clusters_log"
    return "$status"
}

# Whatever ends this script ends the builds of Go too.
stop() {
    [ -z "$clusters" ] || kill -- -"$clusters" 2>/dev/null
}

clusters=
clusters_log=target/test-clusters.log
# A process group of its own, so that it can be stopped with all that it has started.
set -m
clusters >"$clusters_log" 2>&1 </dev/null &
clusters=$!
set +m
trap stop EXIT
trap 'exit 130' INT TERM

# All programs and tests are built once, with the features of the whole workspace, and then run in parts. Cargo resolves
# features again for each selection of packages, and would build half of the tree again for each part.
workspace=(cargo test --quiet --workspace --no-fail-fast)

# The options that select the integration tests of some crates.
tests_of() {
    local crate file
    for crate in "$@"; do
        for file in "$crate"/tests/*.rs "$crate"/tests/*/main.rs; do
            if [ -e "$file" ]; then printf -- '--test=%s\n' "$(basename "${file%/main.rs}" .rs)"; fi
        done
    done | sort -u
}

mapfile -t conformance < <(tests_of operator/conformance)
mapfile -t end_to_end < <(tests_of e2e)
mapfile -t others < <(tests_of crds e2e/real $(ls -d operator/* | grep -v '/conformance$'))

# A program whose name is in two parts would run in both, and be counted twice.
each_test_program_is_in_one_part() {
    local doubled
    doubled=$(printf '%s\n' "${conformance[@]}" "${end_to_end[@]}" "${others[@]}" | sort | uniq -d)
    if [ -n "$doubled" ]; then
        printf '    give the test programs of these names others:\n%s\n' "$doubled"
        return 1
    fi
}

step 'formatting' cargo fmt --all --check
step 'each test program is in one part' each_test_program_is_in_one_part
step 'clippy, warnings as errors' cargo clippy --quiet --workspace --all-targets -- --deny warnings
step 'licences, banned and doubled dependencies' deny
# What others build or use alone must not lean on features that only its neighbours in the workspace ask for. Programs of tests
# are built with the workspace and never alone.
step 'each released crate compiles on its own' bash -c '
    for crate in hemvist-api hemvist-core hemvist-digest hemvist-fetch hemvist-cli hemvist-operator; do
        cargo check --quiet --package "$crate" || exit 1
    done'
step 'the programs and tests are built' cargo build --quiet --workspace --all-targets
step 'the control plane, the object store and the optional CRDs are there' clusters_are_built
tests 'unit tests, scenarios and properties' "${workspace[@]}" --lib --bins "${others[@]}"
tests 'the compiled policies against a real API server' "${workspace[@]}" "${conformance[@]}"
tests 'end-to-end tests on real control planes' "${workspace[@]}" "${end_to_end[@]}" -- --test-threads=2

printf '\nafter %d s:\n%d passed, %d failed\n' $((SECONDS - started)) "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
