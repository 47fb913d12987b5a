//! The Job that fetches the weights of a model, with its own NetworkPolicy. The pods that serve never reach a mirror.

use std::collections::BTreeMap;

use hemvist_api::labels::{APP_COMPONENT, APP_NAME, APP_PART_OF, HEMVIST, WEIGHTS_OF};
use hemvist_api::values::InformationClass;
pub use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::batch::v1::{
    JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{
    Container, PersistentVolumeClaimVolumeSource, PodSecurityContext, PodSpec, PodTemplateSpec,
    SeccompProfile, SecretVolumeSource, Volume, VolumeMount,
};
use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::deployment::{PROGRAM, USER, VOLUME_GROUP, container_security, tool_resources};
use super::network_policy::NAMESPACE_NAME;
use super::{Applied, Child, DesiredObjects, Object, Step, affinity, meta, toleration};
use crate::decide::Plan;
use crate::request::{FetchedWeights, Mirror, ModelRequest, WeightsSource};
use crate::snapshot::{ChildFacts, ChildKind, Settings, short_hash};

/// The value of the component label of the pods that fetch.
const COMPONENT: &str = "weights";

/// The name of the container.
const NAME: &str = "fetch";

/// Where the claim is mounted.
const WEIGHTS_PATH: &str = "/weights";

/// Where the Secret is mounted.
const CREDENTIALS_PATH: &str = "/run/credentials";

/// How often a pod is tried before the Job is given up. The waits between them double up to ten minutes, so that the last
/// try comes after about three hours.
const TRIES: i32 = 20;

/// The time that a fetch has besides that of its bytes, in seconds: for waiting between tries.
const BASE_SECONDS: u64 = 6 * 3600;

/// Bytes that are fetched in a second at worst.
const BYTES_PER_SECOND: u64 = 10_000_000;

/// Weights that are assumed where their size is not known, in bytes.
const UNKNOWN_BYTES: u64 = 200_000_000_000;

/// The exit statuses of the program after which another try would end alike: the wrong weights, and what are none. Others
/// would fetch everything again and again.
const FINAL_STATUSES: [i32; 2] = [10, 11];

impl Child for Job {
    const KIND: ChildKind = ChildKind::Job;

    /// The isolation of a pod that fetches is there before it, and goes after it.
    fn steps(plan: &Plan, _: &Settings) -> Vec<Step> {
        let model = &plan.model;
        match (&model.source, model.tools_image.as_deref()) {
            (WeightsSource::Mirror(weights), Some(image)) => {
                let job = Object::of(&job(plan, weights, image));
                vec![
                    Step::PruneJobs(Some(job.clone())),
                    network_policy(model, weights).put(),
                    Step::PutJob(job),
                ]
            }
            _ => vec![Step::PruneJobs(None), Step::RemoveFetchIsolation(fetch_policy_name(&model.key.name))],
        }
    }
}

/// The name of the NetworkPolicy of the pods that fetch for the model of this name.
fn fetch_policy_name(model: &str) -> String {
    // No model is called so, because there is no dot in the name of a model.
    format!("{model}.fetch")
}

/// Whether the replicas may be made, as far as their weights go: they are there, or none is wanted.
pub fn weights_are_there(applied: &DesiredObjects<Applied>, replicas: &Object) -> bool {
    let nobody = replicas.json["spec"]["replicas"] == 0;
    nobody || applied.find(ChildFacts::job).is_none_or(|job| job.complete)
}

/// The labels of the pods that fetch. They have none of those by which Service and NetworkPolicy find the pods that serve.
fn labels(model: &ModelRequest) -> BTreeMap<String, String> {
    let uid = model.uid.as_str();
    [(APP_NAME, meta::NAME), (APP_COMPONENT, COMPONENT), (APP_PART_OF, HEMVIST), (WEIGHTS_OF, uid)]
        .map(|(label, value)| (label.to_owned(), value.to_owned()))
        .into()
}

fn selector(model: &ModelRequest) -> LabelSelector {
    LabelSelector {
        match_labels: Some([(WEIGHTS_OF.to_owned(), model.uid.clone())].into()),
        ..Default::default()
    }
}

/// Out to the mirror's networks on its port, and to the cluster's DNS for its address. No ingress.
fn network_policy(model: &ModelRequest, weights: &FetchedWeights) -> NetworkPolicy {
    let port = |port: u16, protocol: &str| NetworkPolicyPort {
        port: Some(IntOrString::Int(port.into())),
        protocol: Some(protocol.to_owned()),
        ..Default::default()
    };
    let block = |network: &String| NetworkPolicyPeer {
        ip_block: Some(IPBlock { cidr: network.clone(), except: None }),
        ..Default::default()
    };
    let cluster_dns = NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector {
            match_labels: Some([(NAMESPACE_NAME.to_owned(), "kube-system".to_owned())].into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mirror = NetworkPolicyEgressRule {
        to: Some(weights.address.networks.iter().map(block).collect()),
        ports: Some(vec![port(weights.address.port, "TCP")]),
    };
    let names = NetworkPolicyEgressRule {
        to: Some(vec![cluster_dns]),
        ports: Some(vec![port(53, "UDP"), port(53, "TCP")]),
    };
    NetworkPolicy {
        metadata: ObjectMeta { name: Some(fetch_policy_name(&model.key.name)), ..meta::metadata(model) },
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(model)),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: None,
            egress: Some(vec![mirror, names]),
        }),
    }
}

/// A Job cannot be changed, so its name has a hash of what is there when it has ended: another digest is another Job. How it
/// gets there is not in it, because what is fetched need not be fetched again when an image or a clearance changes. A Job is
/// kept when it has ended: its end is what the replicas wait for.
fn job(plan: &Plan, weights: &FetchedWeights, image: &str) -> Job {
    let model = &plan.model;
    let spec = JobSpec {
        active_deadline_seconds: Some(deadline_seconds(model)),
        backoff_limit: Some(TRIES),
        pod_failure_policy: Some(PodFailurePolicy { rules: failure_rules() }),
        template: PodTemplateSpec {
            metadata: Some(ObjectMeta { labels: Some(labels(model)), ..Default::default() }),
            spec: Some(pod(plan, weights, image)),
        },
        ..Default::default()
    };
    // Neither a name of a claim nor a path has a colon in it.
    let hash = short_hash(format!("{}:{}:{}", weights.digest, weights.claim_name, weights.path).as_bytes());
    let class: InformationClass = model.information_class;
    // Requests for some subresources have nothing of a pod but its name, which is that of the Job with more at its end.
    let name = format!("{}-{}--{}", model.key.name, &hash[..8], class.as_str().to_ascii_lowercase());
    Job {
        metadata: ObjectMeta { name: Some(name), ..meta::metadata(model) },
        spec: Some(spec),
        ..Default::default()
    }
}

fn deadline_seconds(model: &ModelRequest) -> i64 {
    let bytes = model.weights_bytes.unwrap_or(UNKNOWN_BYTES);
    i64::try_from(BASE_SECONDS + bytes.div_ceil(BYTES_PER_SECOND)).unwrap_or(i64::MAX)
}

/// A pod that its node gave up is no try; one that ended for good is the last.
fn failure_rules() -> Vec<PodFailurePolicyRule> {
    let disrupted = PodFailurePolicyOnPodConditionsPattern {
        type_: "DisruptionTarget".to_owned(),
        status: "True".to_owned(),
    };
    vec![
        PodFailurePolicyRule {
            action: "Ignore".to_owned(),
            on_pod_conditions: Some(vec![disrupted]),
            ..Default::default()
        },
        PodFailurePolicyRule {
            action: "FailJob".to_owned(),
            on_exit_codes: Some(PodFailurePolicyOnExitCodesRequirement {
                container_name: Some(NAME.to_owned()),
                operator: "In".to_owned(),
                values: FINAL_STATUSES.into(),
            }),
            ..Default::default()
        },
    ]
}

fn pod(plan: &Plan, weights: &FetchedWeights, image: &str) -> PodSpec {
    let model = &plan.model;
    PodSpec {
        automount_service_account_token: Some(false),
        service_account_name: Some(model.key.name.clone()),
        enable_service_links: Some(false),
        host_network: Some(false),
        host_pid: Some(false),
        host_ipc: Some(false),
        share_process_namespace: Some(false),
        restart_policy: Some("Never".to_owned()),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(VOLUME_GROUP),
            fs_group: Some(VOLUME_GROUP),
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        affinity: Some(affinity::of_fetchers(plan)),
        tolerations: Some(toleration::tolerations(model)),
        containers: vec![container(weights, image)],
        volumes: Some(volumes(weights)),
        ..Default::default()
    }
}

fn container(weights: &FetchedWeights, image: &str) -> Container {
    let mount = |name: &str, path: &str, read_only: Option<bool>| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only,
        ..Default::default()
    };
    let mut mounts = vec![mount("weights", WEIGHTS_PATH, None)];
    mounts.extend(weights.secret_name.as_ref().map(|_| mount("credentials", CREDENTIALS_PATH, Some(true))));
    Container {
        name: NAME.to_owned(),
        image: Some(image.to_owned()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(vec![PROGRAM.to_owned()]),
        args: Some(arguments(weights)),
        resources: Some(tool_resources()),
        security_context: Some(container_security()),
        volume_mounts: Some(mounts),
        ..Default::default()
    }
}

fn arguments(weights: &FetchedWeights) -> Vec<String> {
    let option = |name: &str, value: &str| [format!("--{name}"), value.to_owned()];
    let mut arguments = vec!["fetch".to_owned()];
    arguments.extend(option("digest", &weights.digest));
    arguments.extend(option("into", WEIGHTS_PATH));
    if !weights.path.is_empty() {
        arguments.extend(option("path", &weights.path));
    }
    if weights.secret_name.is_some() {
        arguments.extend(option("credentials", CREDENTIALS_PATH));
    }
    match &weights.mirror {
        Mirror::ObjectStore { endpoint, region, bucket, prefix } => {
            arguments.push("object-store".to_owned());
            arguments.extend(option("endpoint", endpoint));
            arguments.extend(option("bucket", bucket));
            if !prefix.is_empty() {
                arguments.extend(option("prefix", prefix));
            }
            arguments.extend(region.iter().flat_map(|region| option("region", region)));
        }
        Mirror::Hub { endpoint, repository, revision } => {
            arguments.push("hub".to_owned());
            arguments.extend(option("endpoint", endpoint));
            arguments.extend(option("repository", repository));
            arguments.extend(option("revision", revision));
        }
    }
    arguments
}

fn volumes(weights: &FetchedWeights) -> Vec<Volume> {
    /// Read by the group of the pod alone.
    const GROUP_READS: i32 = 0o440;
    let claim = Volume {
        name: "weights".to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: weights.claim_name.clone(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let credentials = weights.secret_name.as_ref().map(|secret_name| Volume {
        name: "credentials".to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret_name.clone()),
            default_mode: Some(GROUP_READS),
            ..Default::default()
        }),
        ..Default::default()
    });
    std::iter::once(claim).chain(credentials).collect()
}
