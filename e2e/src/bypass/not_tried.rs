//! Lines of the catalogue that no attempt is made for.

/// Each with the reason: what nothing at the API can close, what is about time, and what other tests show.
pub const NOT_TRIED: [(&str, &str); 14] = [
    (
        "B19",
        "affinity is not looked at again while a pod runs: the operator evicts, which the tests of clearance show",
    ),
    (
        "B20",
        "detected only: the kubelet runs static pods even where the mirror pod is refused; mirror pods are tried",
    ),
    ("B23", "no list of priority classes is enforced yet"),
    (
        "B25",
        "a policy that is tightened finds pods that run: the operator stops them, which the tests of policies show",
    ),
    ("B26", "who may delete policies is a matter of rights: no role of the chart gives it"),
    ("B32", "each kind is served in one version; a second one is a new attempt in every way there is"),
    ("B34", "there is no webhook"),
    ("B35", "a race of milliseconds shows in a thousand rounds and not in one request"),
    ("B36", "detected only: admission cannot read the node between the scheduler's choice and its binding"),
    ("B37", "detected only: an API server that is behind; each would have to be asked on its own"),
    (
        "B38",
        "detected only: policies are exempt from admission, so whoever may write them can take them away",
    ),
    ("B39", "detected only: a stolen identity of Hemvist's own is that identity to the API server"),
    (
        "B40",
        "detected only: the kubelet, the container runtime and etcd can be reached without the API server",
    ),
    ("B41", "a flood is a matter of quotas and of fair work, which the benchmarks measure"),
];
