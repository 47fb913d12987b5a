//! Objects that were stored under an older schema and cannot be read: they deny, say so, and stop nobody else.

use anyhow::{Result, ensure};
use hemvist_e2e::governed::{Governed, PATIENCE};
use hemvist_e2e::installation::ROOT_NAMESPACE;
use hemvist_e2e::models::{local_policy, model, region_policy};
use hemvist_e2e::nodes::{Gpu, SimulatedNode};
use hemvist_e2e::objects::{Kind, condition, text};
use hemvist_e2e::{Options, Progress, wait_until};
use serde_json::{Value, json};

/// Where the values that are allowed stand in the schema of a kind, as JSON pointers.
const ENUMS: [(&str, &str); 2] = [
    (
        "modeldeployments.hemvist.dev",
        "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/purpose/properties/riskClass/enum",
    ),
    (
        "aipolicies.hemvist.dev",
        "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/enforcement/enum",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_denied_and_affects_no_other_object() -> Result<()> {
    let governed = Governed::start_without_admission(Options::new("unreadable")).await?;
    let node = SimulatedNode::new("node").gpus(Gpu::L40S, 8).cleared("se-f", "jkpg-a", "Sensitive");
    node.create(&governed.cluster().client()).await?;
    governed.create_namespaces(&["halsa", "teknik"]).await?;
    governed.objects().create(&region_policy()).await?;
    governed.objects().create(&model("halsa", "good")).await?;
    governed.objects().create(&model("teknik", "good")).await?;
    store_what_the_schema_does_not_allow(&governed).await?;

    let operator = governed.operator("hemvist-operator")?;
    the_model_says_so_and_is_not_carried_out(&governed).await?;
    governed.wait_for_reason("teknik/good", "Serving").await?;

    the_policy_of_a_department_denies_there(&governed).await?;
    a_policy_of_the_region_denies_everywhere(&governed).await?;
    all_is_well_once_they_are_corrected(&governed).await?;
    governed.end(vec![operator], 4).await
}

async fn store_what_the_schema_does_not_allow(governed: &Governed) -> Result<()> {
    let mut allowed = Vec::new();
    for (crd, pointer) in ENUMS {
        let definition = governed.objects().get(Kind::CustomResourceDefinition, "", crd).await?;
        let values = definition.pointer(pointer).cloned().unwrap_or_default();
        ensure!(values.is_array(), "{crd} has no list of values at {pointer}");
        change_schema(governed, crd, &json!([{"op": "remove", "path": pointer}])).await?;
        allowed.push(json!([{"op": "add", "path": pointer, "value": values}]));
    }
    let mut bad = model("teknik", "bad");
    bad["spec"]["purpose"]["riskClass"] = json!("Catastrophic");
    let local = local_policy("halsa", "own", &json!({"enforcement": "Sometimes"}));
    wait_until("the schema without the lists of values", PATIENCE, async || {
        for object in [&bad, &local] {
            governed.objects().apply(object).await?;
        }
        Ok(Progress::Done(()))
    })
    .await?;
    for ((crd, _), operations) in ENUMS.iter().zip(&allowed) {
        change_schema(governed, crd, operations).await?;
    }
    wait_until("the schema with the lists of values", PATIENCE, async || {
        let mut other = bad.clone();
        other["metadata"]["name"] = json!("other");
        let accepted = governed.objects().apply(&other).await.is_ok();
        if accepted {
            governed.objects().delete(Kind::ModelDeployment, "teknik", "other").await?;
        }
        Ok(Progress::when(!accepted, "the value is still accepted"))
    })
    .await
}

async fn change_schema(governed: &Governed, crd: &str, operations: &Value) -> Result<()> {
    governed.objects().patch_with(Kind::CustomResourceDefinition, "", crd, operations).await.map(|_| ())
}

async fn the_model_says_so_and_is_not_carried_out(governed: &Governed) -> Result<()> {
    let message = governed.wait_for_reason("teknik/bad", "Unreadable").await?;
    for word in ["Catastrophic", "Fix that field"] {
        ensure!(message.contains(word), "the model does not say {word:?}: {message}");
    }
    let model = governed.model("teknik/bad").await?;
    ensure!(condition(&model, "Stalled")["status"] == "True", "{}", model["status"]);
    ensure!(
        governed.children("teknik/bad").await?.is_empty(),
        "something was made of a model that cannot be read"
    );
    Ok(())
}

async fn the_policy_of_a_department_denies_there(governed: &Governed) -> Result<()> {
    let message = governed.wait_for_reason("halsa/good", "PolicyUnreadable").await?;
    ensure!(message.contains("halsa/own"), "{message}");
    ensure!(
        governed.children("halsa/good").await?.is_empty(),
        "carried out under a policy that cannot be read"
    );
    let unreadable = |policy: &Value| condition(policy, "Accepted")["reason"] == "Unreadable";
    let policy = governed.wait_for_policy("halsa/own", "say Unreadable", unreadable).await?;
    let message = text(&condition(&policy, "Accepted")["message"]);
    ensure!(message.contains("Sometimes") && message.contains("Every model in halsa"), "{message}");
    let model = governed.model("teknik/good").await?;
    ensure!(condition(&model, "Ready")["reason"] == "Serving", "another department: {}", model["status"]);
    Ok(())
}

async fn a_policy_of_the_region_denies_everywhere(governed: &Governed) -> Result<()> {
    // As a policy beside the good one, which names the other department only: what it would say is not known.
    let (crd, pointer) = ENUMS[1];
    let definition = governed.objects().get(Kind::CustomResourceDefinition, "", crd).await?;
    let values = definition.pointer(pointer).cloned().unwrap_or_default();
    change_schema(governed, crd, &json!([{"op": "remove", "path": pointer}])).await?;
    let spec = json!({"enforcement": "Sometimes", "namespaces": ["halsa"]});
    let second = local_policy(ROOT_NAMESPACE, "second", &spec);
    wait_until("a policy of the region with a strange value", PATIENCE, async || {
        governed.objects().apply(&second).await?;
        Ok(Progress::Done(()))
    })
    .await?;
    change_schema(governed, crd, &json!([{"op": "add", "path": pointer, "value": values}])).await?;
    for key in ["halsa/good", "teknik/good"] {
        let reported = |model: &Value| {
            let ready = condition(model, "Ready");
            ready["reason"] == "PolicyUnreadable" && text(&ready["message"]).contains("hemvist-system/second")
        };
        governed.wait_for_model(key, "be denied by a policy of the region", reported).await?;
        governed.wait_for_children(key, 0).await?;
        ensure!(governed.pods(key).await?.is_empty(), "{key} has pods");
    }
    Ok(())
}

async fn all_is_well_once_they_are_corrected(governed: &Governed) -> Result<()> {
    let deny = json!({"spec": {"enforcement": "Deny"}});
    governed.objects().merge(Kind::AIPolicy, ROOT_NAMESPACE, "second", &deny).await?;
    governed.wait_for_reason("teknik/good", "Serving").await?;
    governed.wait_for_reason("halsa/good", "PolicyUnreadable").await?;
    governed.objects().merge(Kind::AIPolicy, "halsa", "own", &deny).await?;
    let minimal = json!({"spec": {"purpose": {"riskClass": "Minimal"}}});
    governed.objects().merge(Kind::ModelDeployment, "teknik", "bad", &minimal).await?;
    for key in ["halsa/good", "teknik/good", "teknik/bad"] {
        governed.wait_for_reason(key, "Serving").await?;
    }
    let in_force = |policy: &Value| condition(policy, "Accepted")["status"] == "True";
    for key in ["halsa/own", "hemvist-system/second", "hemvist-system/region"] {
        governed.wait_for_policy(key, "be in force", in_force).await?;
    }
    Ok(())
}
