//! The contract of weights that do not come in an image.

use hemvist_core::request::WeightsSource;
use serde_json::json;

use crate::contract::{items, keys, set};
use crate::fixtures::Case;

/// The digest of weights that lie on a volume.
fn digest_on_volume(source: &WeightsSource) -> Option<&str> {
    match source {
        WeightsSource::Image { .. } => None,
        WeightsSource::VolumeClaim { digest, .. } => digest.as_deref(),
        WeightsSource::Mirror(fetched) => Some(&fetched.digest),
    }
}

/// Whether weights on volumes are held to their digests before the engine starts, by containers that may no more than it.
pub fn weights_are_verified(case: &Case) -> bool {
    let sources =
        std::iter::once(&case.model.source).chain(case.model.adapters.iter().map(|one| &one.source));
    let digests: Vec<_> = sources.filter_map(digest_on_volume).collect();
    // The proxy comes after them.
    let mut containers = items(&case.pod()["initContainers"]);
    containers.pop();
    let of_engine = items(&case.container()["volumeMounts"]);
    containers.len() == digests.len()
        && containers.iter().zip(digests).all(|(container, digest)| {
            let args = items(&container["args"]);
            let mounts = items(&container["volumeMounts"]);
            let path = args[3].as_str().unwrap();
            container["securityContext"] == case.container()["securityContext"]
                && container["command"] == json!(["hemvist-fetch"])
                && args[..3] == [json!("verify"), json!("--digest"), json!(digest)]
                && keys(&container["resources"]["limits"]) == set(["memory", "ephemeral-storage"])
                && container.get("env").is_none()
                && mounts.len() == 1
                && mounts.iter().all(|mount| mount["readOnly"] == true && of_engine.contains(mount))
                && path.starts_with(mounts[0]["mountPath"].as_str().unwrap())
                && (container["name"] != "verify" || case.serves_from(path))
        })
}

/// Whether the Job and the NetworkPolicy of its pods are as they should be, of weights that are fetched.
pub fn fetches_apart(case: &Case) -> bool {
    let WeightsSource::Mirror(weights) = &case.model.source else { return case.fetch.is_empty() };
    let [policy, job] = &case.fetch[..] else { return false };
    let pod = &job["spec"]["template"]["spec"];
    let labels = &job["spec"]["template"]["metadata"]["labels"];
    let selector = json!({"matchLabels": {"hemvist.dev/weights-of": case.model.uid}});
    let blocks: Vec<_> =
        weights.address.networks.iter().map(|cidr| json!({"ipBlock": {"cidr": cidr}})).collect();
    let dns = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}});
    let egress = json!([
        {"to": blocks, "ports": [{"port": weights.address.port, "protocol": "TCP"}]},
        {"to": [dns], "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]},
    ]);
    let class = case.model.information_class.as_str().to_lowercase();
    let name = job["metadata"]["name"].as_str().unwrap();
    policy["spec"] == json!({"podSelector": selector, "policyTypes": ["Ingress", "Egress"], "egress": egress})
        && labels["hemvist.dev/weights-of"] == case.model.uid.as_str()
        && [
            "hemvist.dev/model-deployment",
            "hemvist.dev/model-deployment-uid",
            "app.kubernetes.io/managed-by",
        ]
        .iter()
        .all(|label| labels.get(label).is_none())
        && pod["affinity"] == json!({"nodeAffinity": case.pod()["affinity"]["nodeAffinity"]})
        && ["automountServiceAccountToken", "hostNetwork", "hostPID", "hostIPC", "enableServiceLinks"]
            .iter()
            .all(|field| pod[field] == false)
        && pod["containers"][0]["securityContext"] == case.container()["securityContext"]
        && pod["securityContext"]["runAsNonRoot"] == true
        && pod["securityContext"]["seccompProfile"] == json!({"type": "RuntimeDefault"})
        && keys(&pod["containers"][0]["resources"]["limits"]) == set(["memory", "ephemeral-storage"])
        && name.ends_with(&format!("--{class}"))
        && name.len() <= 63
        && [policy, job].iter().all(|object| {
            object["metadata"]["ownerReferences"] == case.deployment["metadata"]["ownerReferences"]
                && object["metadata"]["labels"] == case.deployment["metadata"]["labels"]
        })
        && policy["metadata"]["name"] == format!("{}.fetch", case.model.key.name)
}
