//! Plain workloads that are made for real, down to their pods, by the cluster's own controllers.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::bypass::actor::{Actor, Callers};
use crate::bypass::call::Call;
use crate::bypass::kinds::{self, WORKLOADS};
use crate::bypass::shapes::{plain_spec, workload};
use crate::bypass::situation::{TENANTS, list};
use crate::{Progress, wait_until};

/// How long the controllers and the scheduler may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A tenant makes one of each kind of workload, every one of them comes to have a pod on a node, and all of it goes away.
///
/// # Errors
/// Where something is refused or does not come about.
pub async fn workloads_become_pods(callers: &Callers, round: &str) -> Result<()> {
    let (tenant, admin) = (callers.client(Actor::TenantEdit)?, callers.client(Actor::Admin)?);
    let named = |kind: &str| format!("verklig-{}-{round}", kind.to_lowercase());
    for kind in WORKLOADS {
        let mut object = workload(kind, TENANTS, &named(kind), &plain_spec());
        if kind == "CronJob" {
            object["spec"]["schedule"] = json!("* * * * *");
            // A schedule has to wait for its minute; a Job from its template is what a person makes to see it run.
            object = workload("Job", TENANTS, &named(kind), &plain_spec());
        }
        let answer = Call::create(&object).send(tenant, false).await?;
        ensure!(answer.is_success(), "{kind}: {} {}", answer.code, answer.message());
    }
    for kind in WORKLOADS {
        let selector = format!("app={}", named(kind));
        wait_until(&format!("a pod of the {kind} {}", named(kind)), PATIENCE, async || {
            let pods = list(admin, "Pod", TENANTS, &selector).await?;
            let bound = pods.iter().any(|pod| pod["spec"]["nodeName"].is_string());
            Ok(Progress::when(bound, format!("{} pods", pods.len())))
        })
        .await?;
    }
    for kind in WORKLOADS {
        let made = if kind == "CronJob" { "Job" } else { kind };
        let path = format!("{}?propagationPolicy=Foreground", kinds::item(made, TENANTS, &named(kind)));
        let answer = Call::delete(&path).send(tenant, false).await?;
        ensure!(answer.is_success(), "{kind}: {} {}", answer.code, answer.message());
    }
    let selector = WORKLOADS.map(named).join(",");
    wait_until("the pods to go", PATIENCE, async || {
        let pods = list(admin, "Pod", TENANTS, &format!("app%20in%20({selector})")).await?;
        Ok(Progress::when(pods.is_empty(), format!("{} pods", pods.len())))
    })
    .await
}
