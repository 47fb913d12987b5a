//! What the API server may spend on an expression is not half used up by the largest policy on the largest objects.
//!
//! How much it spends is not reported. So every expression is put into one that evaluates it twice, or many times: where twice
//! is within the budget, once is at most half of it.

use anyhow::Result;
use hemvist_conformance::extremes::{self, FULL};
use hemvist_conformance::policies::{TODAY, book, settings};
use hemvist_conformance::server::{Server, User, models_path, pods_path};
use hemvist_conformance::verdict::{Answer, NARROWED};
use hemvist_core::admission::{Compiled, Scope, compile};
use hemvist_core::snapshot::Settings;
use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy;
use serde_json::{Value, json};

/// The expression, evaluated so many times.
fn repeated(expression: &str, times: usize) -> String {
    let numbers: Vec<String> = (0..times).map(|number| number.to_string()).collect();
    format!("[{}].map(time, ({expression}))[{}]", numbers.join(", "), times - 1)
}

/// The policy with every expression evaluated so many times.
fn policy_repeated(compiled: &Compiled, times: usize) -> ValidatingAdmissionPolicy {
    let mut policy = compiled.policy();
    if let Some(spec) = &mut policy.spec
        && times > 1
    {
        spec.variables.iter_mut().flatten().for_each(|one| one.expression = repeated(&one.expression, times));
        for one in spec.match_conditions.iter_mut().flatten() {
            one.expression = repeated(&one.expression, times);
        }
        for one in spec.validations.iter_mut().flatten() {
            one.expression = repeated(&one.expression, times);
            one.message_expression = one.message_expression.as_ref().map(|message| repeated(message, times));
        }
    }
    policy
}

fn compiled_for(settings: &Settings, namespace: &str, entries: usize) -> Vec<Compiled> {
    let admission = compile(&book([&extremes::policy(settings, namespace, entries)]), settings, TODAY);
    let only = Scope::Only([namespace.to_owned()].into());
    admission
        .policies
        .into_values()
        .flatten()
        .chain(admission.default_deny)
        .map(|one| Compiled {
            name: format!("{}{NARROWED}{namespace}", one.name),
            namespaces: only.clone(),
            probed: false,
            ..one
        })
        .collect()
}

/// Writes the policies of a namespace; those that the API server does not take are reported.
async fn write(server: &Server, namespace: &str, compiled: &[Compiled], times: usize) -> Result<Vec<String>> {
    let path = "/apis/admissionregistration.k8s.io/v1";
    server.make_namespaces([namespace]).await?;
    let mut refused = Vec::new();
    for one in compiled {
        let policy = json!(policy_repeated(one, times));
        if let Err(error) = server.make(&format!("{path}/validatingadmissionpolicies"), policy).await {
            let error = format!("{error:#}");
            let reported = error.find("\"message\"").map_or(error.as_str(), |position| &error[position..]);
            let end: String =
                reported.chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
            refused.push(format!("{}: … {end}", one.name));
            continue;
        }
        for binding in one.bindings() {
            server.make(&format!("{path}/validatingadmissionpolicybindings"), json!(binding)).await?;
        }
    }
    Ok(refused)
}

/// The objects that are sent: as large as can be, all right, and wrong in the last place that is looked at.
fn objects(namespace: &str, entries: usize) -> Vec<(&'static str, String, Value)> {
    let (model, pod) = (extremes::model(namespace, entries), extremes::pod(namespace, entries));
    let mut wrong_model = model.clone();
    wrong_model["spec"]["engine"]["args"][0]["name"] = json!("a-not-allowed");
    let mut wrong_pod = pod.clone();
    let last = wrong_pod["spec"]["containers"].as_array().map_or(0, |all| all.len() - 1);
    wrong_pod["spec"]["containers"][last]["image"] = json!("elsewhere.example/x");
    vec![
        ("the largest model", models_path(namespace), model),
        ("the largest model, refused", models_path(namespace), wrong_model),
        ("the largest pod", pods_path(namespace), pod),
        ("the largest pod, refused", pods_path(namespace), wrong_pod),
    ]
}

fn reported(answer: &Answer) -> String {
    // The API server repeats the whole expression before it says what was wrong.
    let text: Vec<char> = format!("{answer:?}").chars().collect();
    let (begins, ends) = (text.len().min(120), text.len().saturating_sub(220).max(120).min(text.len()));
    format!("{} … {}", text[..begins].iter().collect::<String>(), text[ends..].iter().collect::<String>())
}

fn is_beyond(answer: &Answer) -> bool {
    let text = format!("{answer:?}");
    text.contains("cost") || text.contains("budget")
}

/// How often the judgement of an object has to fit into the budget. A model is as large as the schema lets it be, and uses
/// half of the budget at most. A pod has no bounds but that of a request: one of well over a mebibyte is judged within it.
fn tolerated(name: &str) -> usize {
    if name.contains("pod") { 1 } else { 2 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_policy_uses_at_most_half_of_the_budget() -> Result<()> {
    let settings = settings(None);
    let server = Server::start("conformance-cost").await?;
    server.make_namespaces([settings.root_namespace.as_str()]).await?;
    let mut faults = Vec::new();
    let mut entries = FULL;
    // The largest that is taken at all; everything below what the schema allows is a fault of its own.
    loop {
        let namespace = format!("size-{entries}");
        let refused = write(&server, &namespace, &compiled_for(&settings, &namespace, entries), 1).await?;
        println!("{entries} entries: {} policies are not taken", refused.len());
        if refused.is_empty() || entries == 1 {
            break;
        }
        faults.extend(refused.into_iter().map(|one| format!("with {entries} entries in each list {one}")));
        entries /= 2;
    }
    for times in [1, 2, 2000] {
        let namespace = format!("times-{times}");
        let refused =
            write(&server, &namespace, &compiled_for(&settings, &namespace, entries), times).await?;
        assert!(refused.is_empty(), "{refused:#?}");
        server.settle(&settings, &namespace).await?;
        let mut beyond = 0;
        for (name, path, object) in objects(&namespace, entries) {
            let answer = server.try_out(User::PodMaker, "POST", &path, &object).await?;
            let answer = match answer {
                Answer::Other(403, _) => server.try_out(User::Tenant, "POST", &path, &object).await?,
                other => other,
            };
            println!("{times} times, {name} ({} bytes): {}", object.to_string().len(), reported(&answer));
            assert!(!matches!(answer, Answer::Other(..) | Answer::Invalid(_)), "{answer:?}");
            // An object that is refused early is not judged to its end.
            if times <= tolerated(name) && !name.ends_with("refused") {
                assert!(matches!(answer, Answer::Admitted(_)), "{name}: {answer:?}");
            }
            beyond += usize::from(is_beyond(&answer));
            if times == tolerated(name) && is_beyond(&answer) {
                faults.push(format!("{name}, {times} times, is beyond the budget: {}", reported(&answer)));
            }
        }
        assert!(times < 2000 || beyond > 0, "the method never fails, so it shows nothing");
    }
    server.stop().await?;
    assert!(faults.is_empty(), "{faults:#?}");
    Ok(())
}
