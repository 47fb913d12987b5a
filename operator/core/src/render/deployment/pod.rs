//! The pod of a replica, without its containers.
//!
//! The contract of every pod that Hemvist makes: no identity, no privileges, nothing of the host, nothing that was not
//! written in a typed field. `tests/rendering.rs` holds each field of it.

use k8s_openapi::api::core::v1::{PodSecurityContext, PodSpec, SeccompProfile};

use super::{container, lifecycle, verification, volumes};
use crate::decide::Plan;
use crate::engine::EngineDescription;
use crate::render::{affinity, proxy, toleration};
use crate::snapshot::Settings;

/// The user of every engine: fixed, so that an image cannot choose, and the one that the image of vLLM has.
pub const USER: i64 = 2000;

/// The group that owns the volumes of a pod.
pub const VOLUME_GROUP: i64 = 2000;

/// The pod of a replica. What a tenant could otherwise use to lead it elsewhere (scheduler, priority class, runtime class,
/// name of a node, selector of nodes) is not set, because no field for it exists.
pub fn pod(plan: &Plan, engine: &EngineDescription, settings: &Settings) -> PodSpec {
    let model = &plan.model;
    PodSpec {
        service_account_name: Some(model.key.name.clone()),
        automount_service_account_token: Some(false),
        // Otherwise the addresses of all services in the namespace would be in the environment.
        enable_service_links: Some(false),
        // Stated, though false is the default, so that an apply takes back what another client turned on.
        host_network: Some(false),
        host_pid: Some(false),
        host_ipc: Some(false),
        share_process_namespace: Some(false),
        security_context: Some(security(engine)),
        affinity: Some(affinity::affinity(plan)),
        tolerations: Some(toleration::tolerations(model)),
        termination_grace_period_seconds: Some(lifecycle::termination_grace_period_seconds(model)),
        init_containers: Some(
            verification::containers(model)
                .into_iter()
                .flatten()
                .chain([proxy::container(model, engine, settings)])
                .collect(),
        ),
        containers: vec![container::container(plan, engine)],
        volumes: Some(volumes::volumes(model, engine)),
        ..Default::default()
    }
}

fn security(engine: &EngineDescription) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(engine.group),
        fs_group: Some(VOLUME_GROUP),
        // Weights are large: walking over every file at each start would be noticed.
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..Default::default() }),
        ..Default::default()
    }
}
