# The first process of a node: sets up its namespaces, says so, and lives as long as the node's owner.
# Arguments: the node's folder, the owner's process id, the number of processors that the node says it has.
set -eu
folder=$1
owner=$2
processors=$3
# This process by the id that the machine knows it by, while /proc is still the machine's.
read -r process _ </proc/self/stat

mkdir -p "$folder/log" "$folder/cni-state" "$folder/device-plugins" /var/lib/cni /var/lib/kubelet/device-plugins
mount -t tmpfs tmpfs /run
# The machine's own list of processes, to see the owner in.
mkdir /run/machine
mount --bind /proc /run/machine
mount -t proc proc /proc
mount --bind "$folder/log" /var/log
mount --bind "$folder/cni-state" /var/lib/cni
# The one folder of a kubelet that cannot be told to lie elsewhere.
mount --bind "$folder/device-plugins" /var/lib/kubelet/device-plugins

# No name is known, and at once: a registry that nobody answers for must not be waited for.
echo "nameserver 127.0.0.1" >"$folder/no-names"
[ ! -f /etc/resolv.conf ] || mount --bind "$folder/no-names" /etc/resolv.conf

# A kubelet sets these for the whole machine. It finds them set already and leaves the machine alone.
tunable() {
    mkdir -p "$folder/tunables/$(dirname "$1")"
    echo "$2" >"$folder/tunables/$1"
    mount --bind "$folder/tunables/$1" "/proc/sys/$1"
}
tunable vm/overcommit_memory 1
tunable vm/panic_on_oom 0
tunable kernel/panic 10
tunable kernel/panic_on_oops 1
tunable kernel/keys/root_maxkeys 1000000
tunable kernel/keys/root_maxbytes 25000000

# A replica asks for three processors, more than a small machine has. Only what the kubelet counts is changed.
topology=$folder/topology
processor=0
while [ "$processor" -lt "$processors" ]; do
    place=$topology/node0/cpu$processor/topology
    mkdir -p "$place"
    echo "$processor" >"$place/core_id"
    echo 0 >"$place/physical_package_id"
    processor=$((processor + 1))
done
echo "0-$((processors - 1))" >"$folder/processors"
if [ -d /sys/devices/system/node ]; then
    [ ! -e /sys/devices/system/node/node0/meminfo ] || cat /sys/devices/system/node/node0/meminfo >"$topology/node0/meminfo"
    mount --bind "$topology" /sys/devices/system/node
fi
mount --bind "$folder/processors" /sys/devices/system/cpu/online

# Only now, since a copy of a shared mount gets what is mounted over the other. Kubelet and containers see each other's mounts,
# and the machine sees none.
mount --make-rshared /

ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
echo "$process" >"$folder/ready.new"
mv "$folder/ready.new" "$folder/ready"
while [ -d "/run/machine/$owner" ]; do
    sleep 1
done

# The owner was killed. Its node goes with it, but control groups outlive processes.
kill -KILL -1 2>/dev/null || true
sleep 1
for task in /run/containerd/io.containerd.runtime.v2.task/k8s.io/*; do
    for group in /sys/fs/cgroup/k8s.io/"${task##*/}" /sys/fs/cgroup/*/k8s.io/"${task##*/}"; do
        [ ! -d "$group" ] || rmdir "$group" || true
    done
done
