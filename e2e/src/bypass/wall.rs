//! A policy that refuses everything: what it does not refuse, no policy could.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::actor::{Actor, Callers};
use super::attempt::Attempt;
use super::by_hand;
use super::call::Call;
use super::kinds;
use super::run::{Earnest, Report, run_attempts};
use crate::{ControlPlane, Progress, wait_until};

/// As a policy of Hemvist's would be named.
const NAME: &str = "hemvist-e2e-wall";

/// What attempts do beforehand is let through: namespaces and their labels, policies, and the default account.
const BEFOREHAND: &str = "!(request.resource.resource == 'namespaces') \
    && !(request.resource.resource == 'aipolicies' && !has(request.subResource)) \
    && !(request.resource.resource == 'serviceaccounts' && request.name == 'default' && request.operation == 'CREATE')";

/// Runs attempts while everything is refused, and takes the wall away again.
///
/// # Errors
/// Where it cannot be put up or taken away.
pub async fn run_behind_a_wall(
    cluster: &ControlPlane,
    callers: &Callers,
    attempts: Vec<Attempt>,
) -> Result<Report> {
    let [policy, binding] = wall();
    by_hand::apply(cluster, &[policy.clone(), binding.clone()]).await?;
    let admin = callers.client(Actor::Admin)?;
    let probe = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "default", "name": "prov"}});
    wait_until("the wall to stand", Duration::from_mins(1), async || {
        let answer = Call::create(&probe).send(admin, true).await?;
        Ok(Progress::when(answer.message().contains(NAME), answer.code))
    })
    .await?;
    let report = run_attempts(callers, attempts, Earnest::DryRunAndReal).await;
    for object in [binding, policy] {
        let answer = Call::delete(&kinds::item_of(&object)).send(admin, false).await?;
        ensure!(answer.is_success(), "the wall still stands: {}", answer.message());
    }
    report
}

fn wall() -> [Value; 2] {
    let policy = json!({
        "apiVersion": kinds::api_version("ValidatingAdmissionPolicy"),
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": NAME},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [
                {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]},
            ]},
            "matchConditions": [{"name": "beforehand", "expression": BEFOREHAND}],
            "validations": [{"expression": "false", "message": "there is a wall"}],
        },
    });
    let binding = json!({
        "apiVersion": kinds::api_version("ValidatingAdmissionPolicyBinding"),
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": NAME},
        "spec": {"policyName": NAME, "validationActions": ["Deny"]},
    });
    [policy, binding]
}
