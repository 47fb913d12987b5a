//! B14 and B15: namespaces whose labels are changed, and namespaces that nobody has labelled yet.

use serde_json::{Value, json};

use crate::bypass::actor::{Actor, OPERATORS};
use crate::bypass::attempt::Attempts;
use crate::bypass::call::Call;
use crate::bypass::kinds;
use crate::bypass::shapes::{compliant_pod, pod, workload_of};
use crate::bypass::signs::{with_host_path, with_variable};
use crate::bypass::situation::LABELLED;

/// All of them. `round` keeps the namespaces of one round apart from those of another.
pub fn attempts(round: &str) -> Attempts {
    let mut attempts = Attempts::default();
    labelled(&mut attempts);
    brand_new(&mut attempts, round);
    attempts
}

/// Labels by which a namespace could be said to be none of Hemvist's business.
fn labelled(attempts: &mut Attempts) {
    let labels = [
        ("governed-false", json!({"hemvist.dev/governed": "false"})),
        ("ungoverned", json!({"hemvist.dev/ungoverned": "true", "hemvist.dev/ignore": ""})),
        (
            "no-admission",
            json!({"admission.hemvist.dev/ignore": "true", "admission.gatekeeper.sh/ignore": "x"}),
        ),
        ("system-name", json!({"name": "kube-system", "kubernetes.io/cluster-service": "true"})),
        ("metadata-name", json!({"kubernetes.io/metadata.name": LABELLED})),
        ("privileged", json!({"pod-security.kubernetes.io/enforce": "privileged"})),
        ("control-plane", json!({"control-plane": "true", "openshift.io/run-level": "0"})),
        (
            "managed",
            json!({"app.kubernetes.io/managed-by": "hemvist", "hemvist.dev/information-class": "Open"}),
        ),
        ("capitals-and-space", json!({"hemvist.dev/Governed": "FALSE"})),
        ("none", Value::Null),
    ];
    for (name, labels) in labels {
        let change = json!({"metadata": {"labels": labels}});
        let relabel = Call::merge_patch(&kinds::item("Namespace", "", LABELLED), &change);
        for (what, call) in tries(LABELLED) {
            let attempt = attempts.add("B14", Actor::TenantAdmin, name, &what, call);
            attempt.before.push((Actor::TenantAdmin, relabel.clone()));
            attempt.by_identity = what.ends_with("-gpu");
        }
    }
}

/// In a namespace that was made a moment ago, by those who made it.
fn brand_new(attempts: &mut Attempts, round: &str) {
    for (number, actor) in [Actor::ForeignOperator, Actor::Admin].into_iter().enumerate() {
        for (index, _) in tries("x").iter().enumerate() {
            let namespace = format!("ny-{round}-{number}-{index}");
            let (what, call) = tries(&namespace).swap_remove(index);
            let made = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            // Pods need it, and the controller that makes it takes its time.
            let account = json!({
                "apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": {"namespace": namespace, "name": "default"},
            });
            let attempt = attempts.add("B15", actor, "at-once", &what, call);
            attempt.before.push((actor, Call::create(&made)));
            attempt.before.push((actor, Call::create(&account)));
            attempt.by_identity = what.ends_with("-gpu");
        }
    }
    // The one of a foreign operator, which has never been anybody's department.
    for (what, call) in tries(OPERATORS) {
        let attempt = attempts.add("B15", Actor::ForeignOperator, "in-its-own-namespace", &what, call);
        attempt.by_identity = what.ends_with("-gpu");
    }
}

fn tries(namespace: &str) -> Vec<(String, Call)> {
    let gpu = compliant_pod(namespace, "ny", "Open");
    let mut tries: Vec<(String, Call)> = ["Pod", "Deployment", "ReplicaSet", "Job"]
        .into_iter()
        .map(|kind| (format!("{}-with-gpu", kind.to_lowercase()), Call::create(&workload_of(kind, &gpu))))
        .collect();
    for (what, spec) in [
        ("pod-with-visible-devices", with_variable("NVIDIA_VISIBLE_DEVICES", "all")),
        ("pod-with-dev", with_host_path("/dev")),
    ] {
        tries.push((what.to_owned(), Call::create(&pod(namespace, "ny", &spec))));
    }
    tries
}
