# Runs a program that wants its certificates in /certs, which the machine does not have and should not get: in a root folder of
# its own that holds all of the machine's, and that.
# Arguments: the folder for it, the folder of the certificates, the program with its arguments.
set -eu
root=$1
certificates=$2
shift 2
mkdir -p "$root"
mount -t tmpfs tmpfs "$root"
for entry in /*; do
    if [ -L "$entry" ]; then
        cp -P "$entry" "$root$entry"
    elif [ -d "$entry" ]; then
        mkdir "$root$entry"
        mount --rbind "$entry" "$root$entry"
    fi
done
mkdir -p "$root/certs"
mount --bind "$certificates" "$root/certs"
exec chroot "$root" "$@"
