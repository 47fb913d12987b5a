//! What the operator's arguments say about its cluster: who is who, and which devices are no accelerators. The names are those of
//! `hemvist policy compile`, so that both compile the same.

use std::collections::BTreeSet;

use clap::Args;
use hemvist_core::snapshot::{Identities, OtherDevices};

/// What the operator's arguments say about its cluster. The defaults are the names that Kubernetes itself has.
#[derive(Args, Clone, Debug)]
pub(super) struct ClusterArgs {
    /// This operator's own user, as the API server knows it.
    #[arg(long, env = "HEMVIST_OPERATOR_USER", value_name = "USER")]
    operator_user: Option<String>,

    /// Users that may bind pods to nodes, separated by commas.
    #[arg(long, env = "HEMVIST_SCHEDULERS", value_name = "USERS", value_delimiter = ',')]
    schedulers: Vec<String>,

    /// Names under which pods may ask for one of these schedulers.
    #[arg(long, env = "HEMVIST_SCHEDULER_NAMES", value_name = "NAMES", value_delimiter = ',')]
    scheduler_names: Vec<String>,

    /// Users of the controllers that make pods from the templates that Hemvist writes.
    #[arg(long, env = "HEMVIST_POD_MAKERS", value_name = "USERS", value_delimiter = ',')]
    pod_makers: Vec<String>,

    /// Users of the controllers that make ReplicaSets from Deployments.
    #[arg(long, env = "HEMVIST_REPLICA_SET_MAKERS", value_name = "USERS", value_delimiter = ',')]
    replica_set_makers: Vec<String>,

    /// Groups of the cluster's own controllers.
    #[arg(long, env = "HEMVIST_CLUSTER_CONTROLLER_GROUPS", value_name = "GROUPS", value_delimiter = ',')]
    cluster_controller_groups: Vec<String>,

    /// Users of autoscalers that are not Kubernetes' own, such as KEDA's operator.
    #[arg(long, env = "HEMVIST_AUTOSCALERS", value_name = "USERS", value_delimiter = ',')]
    autoscalers: Vec<String>,

    /// Groups that may say where a node is and what it may hold.
    #[arg(long, env = "HEMVIST_CLEARANCE_GROUPS", value_name = "GROUPS", value_delimiter = ',')]
    clearance_groups: Vec<String>,

    /// What the names of extended resources begin with that are no accelerators.
    #[arg(long, env = "HEMVIST_OTHER_RESOURCES", value_name = "PREFIXES", value_delimiter = ',')]
    other_resources: Vec<String>,

    /// Runtime classes that give a container no device.
    #[arg(long, env = "HEMVIST_OTHER_RUNTIME_CLASSES", value_name = "CLASSES", value_delimiter = ',')]
    other_runtime_classes: Vec<String>,
}

impl ClusterArgs {
    /// Who is who, and which devices are no accelerators.
    pub(super) fn read(self) -> (Identities, OtherDevices) {
        let (mut identities, mut devices) = (Identities::default(), OtherDevices::default());
        if let Some(user) = self.operator_user.filter(|user| !user.is_empty()) {
            identities.operator = user;
        }
        for (stated, into) in [
            (self.schedulers, &mut identities.schedulers),
            (self.scheduler_names, &mut identities.scheduler_names),
            (self.pod_makers, &mut identities.pod_makers),
            (self.replica_set_makers, &mut identities.replica_set_makers),
            (self.cluster_controller_groups, &mut identities.cluster_controller_groups),
            (self.autoscalers, &mut identities.autoscalers),
            (self.clearance_groups, &mut identities.clearance_groups),
            (self.other_resources, &mut devices.resource_prefixes),
            (self.other_runtime_classes, &mut devices.runtime_classes),
        ] {
            let stated: BTreeSet<String> = named(stated);
            if !stated.is_empty() {
                *into = stated;
            }
        }
        (identities, devices)
    }
}

/// The names of a list, without empty ones.
pub(super) fn named(names: Vec<String>) -> BTreeSet<String> {
    names.into_iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}
