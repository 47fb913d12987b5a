//! The way from a gateway to a model: by the real kinds, to what clients ask and to nothing else.
//!
//! No gateway runs here; `make e2e-real-gateway` has one. What the route says is judged by a reading of the Gateway API's
//! specification that shares no code with what writes it.

use anyhow::{Result, ensure};
use hemvist_e2e::governed::{Governed, PATIENCE};
use hemvist_e2e::interface::{ASKED, CONTROL, METHODS, disguises};
use hemvist_e2e::models::{model, region_policy};
use hemvist_e2e::nodes::{Gpu, SimulatedNode};
use hemvist_e2e::objects::{Kind, text};
use hemvist_e2e::optional_crds::OptionalCrd;
use hemvist_e2e::{Options, Progress, wait_until};
use serde_json::{Value, json};

const HOST: &str = "ai.region.example";

/// The path to which a route leads a request, or nothing where it does not lead it. Of the specification: all of a match has to
/// hold, one match of a rule is enough, a host is compared without its case, and a filter may replace the path.
fn led_to(route: &Value, method: &str, host: &str, path: &str) -> Option<String> {
    let of = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let spec = &route["spec"];
    let hosts = of(&spec["hostnames"]);
    if !hosts.is_empty() && !hosts.iter().any(|one| text(one).eq_ignore_ascii_case(host)) {
        return None;
    }
    let holds = |one: &Value| {
        let wanted = one["path"]["value"].as_str().unwrap_or("/");
        let path_holds = match one["path"]["type"].as_str().unwrap_or("PathPrefix") {
            "Exact" => path == wanted,
            "PathPrefix" => {
                let wanted = wanted.trim_end_matches('/');
                path == wanted || path.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('/'))
            }
            // Whatever an expression may match, the judge takes for everything.
            _ => true,
        };
        path_holds && one["method"].as_str().is_none_or(|wanted| wanted == method)
    };
    let rules = of(&spec["rules"]);
    let rule = rules.iter().find(|rule| {
        let matches = of(&rule["matches"]);
        // A rule without any matches everything.
        matches.is_empty() || matches.iter().any(holds)
    })?;
    let rewritten = of(&rule["filters"])
        .iter()
        .find_map(|filter| filter["urlRewrite"]["path"]["replaceFullPath"].as_str().map(str::to_owned));
    Some(rewritten.unwrap_or_else(|| path.to_owned()))
}

/// Everything that is asked arrives, and nothing else does, however it is written.
fn leads_where_it_should(route: &Value, below: &str) -> Result<()> {
    for (method, path) in ASKED {
        let to = led_to(route, method, HOST, &format!("{below}{path}"));
        ensure!(to.as_deref() == Some(path), "{method} {path} is led to {to:?}");
        let other = if method == "GET" { "POST" } else { "GET" };
        ensure!(led_to(route, other, HOST, &format!("{below}{path}")).is_none(), "{other} {path} is led");
        ensure!(
            led_to(route, method, "other.example", &format!("{below}{path}")).is_none(),
            "any host is led"
        );
    }
    let mut tried = 0;
    for control in CONTROL {
        for path in disguises(control, below) {
            for method in METHODS {
                let to = led_to(route, method, HOST, &path);
                ensure!(to.is_none(), "{method} {path} is led to {to:?}");
                tried += 1;
            }
        }
    }
    println!("{tried} requests that control, and none is led");
    Ok(())
}

/// The namespaces whose pods a model lets in.
async fn let_in(governed: &Governed, name: &str) -> Result<Vec<String>> {
    let policy = governed.objects().get(Kind::NetworkPolicy, "halsa", name).await?;
    let rules = policy["spec"]["ingress"].as_array().cloned().unwrap_or_default();
    let mut names = Vec::new();
    for rule in rules {
        let values = &rule["from"][0]["namespaceSelector"]["matchExpressions"][0]["values"];
        names.extend(values.as_array().into_iter().flatten().map(|name| text(name).to_owned()));
    }
    names.sort();
    Ok(names)
}

async fn wait_for(governed: &Governed, kind: Kind, name: &str) -> Result<Value> {
    wait_until(&format!("the {} of {name}", kind.name()), PATIENCE, async || {
        let found = governed.objects().find(kind, "halsa", name).await?;
        Ok(found.map_or_else(|| Progress::not_yet("none"), Progress::Done))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_routes_to_the_paths_for_clients_and_to_nothing_else() -> Result<()> {
    let governed = Governed::start(Options::new("gateway")).await?;
    let node = SimulatedNode::new("node").gpus(Gpu::L40S, 8).cleared("se-f", "jkpg-a", "Sensitive");
    node.create(&governed.cluster().client()).await?;
    governed.create_namespaces(&["halsa"]).await?;
    governed.objects().create(&region_policy()).await?;
    let operator = governed.operator("hemvist-operator")?;
    governed.wait_until_enforced("hemvist-system/region").await?;

    let mut direct = model("halsa", "direct");
    direct["spec"]["purpose"]["transparencyNotice"] =
        json!("Du samtalar med ett AI-system. Frågor: 036-32 10 00.");
    direct["spec"]["access"]["gateway"] = json!({"hostname": HOST});
    let mut picked = model("halsa", "picked");
    picked["spec"]["access"]["gateway"] =
        json!({"hostname": HOST, "path": "/picked", "endpointPicker": {"service": "picker", "port": 9002}});
    for model in [&direct, &picked, &model("halsa", "inside")] {
        governed.objects().create(model).await?;
    }
    for name in ["direct", "picked", "inside"] {
        governed.wait_for_reason(&format!("halsa/{name}"), "Serving").await?;
        ensure!(
            let_in(&governed, name).await? == ["intranat"],
            "{name} lets a gateway in that leads nowhere"
        );
    }
    for crd in [OptionalCrd::HTTPRoute, OptionalCrd::InferencePool] {
        crd.install(governed.cluster()).await?;
    }

    led_to_the_service(&governed).await?;
    led_to_the_pool(&governed).await?;
    for (name, expected) in [("direct", vec!["ingang", "intranat"]), ("inside", vec!["intranat"])] {
        ensure!(
            let_in(&governed, name).await? == expected,
            "{name} lets in {:?}",
            let_in(&governed, name).await?
        );
    }
    nobody_else_changes_it(&governed).await?;

    let inside = json!({"spec": {"access": {"gateway": null}}});
    governed.objects().merge(Kind::ModelDeployment, "halsa", "direct", &inside).await?;
    wait_until("the route to be gone and the gateway to be shut out", PATIENCE, async || {
        let found = governed.objects().find(Kind::HTTPRoute, "halsa", "direct").await?;
        let from = let_in(&governed, "direct").await?;
        Ok(Progress::when(found.is_none() && from == ["intranat"], format!("{from:?}")))
    })
    .await?;
    governed.end(vec![operator], 3).await
}

async fn led_to_the_service(governed: &Governed) -> Result<()> {
    let route = wait_for(governed, Kind::HTTPRoute, "direct").await?;
    leads_where_it_should(&route, "")?;
    let rule = &route["spec"]["rules"][0];
    let header = &rule["filters"][0]["responseHeaderModifier"]["set"][0];
    ensure!(
        header["value"] == ":RHUgc2FtdGFsYXIgbWVkIGV0dCBBSS1zeXN0ZW0uIEZyw6Vnb3I6IDAzNi0zMiAxMCAwMC4=:",
        "the notice is {header}"
    );
    ensure!(rule["backendRefs"][0]["kind"] == "Service" && rule["backendRefs"][0]["port"] == 8000, "{rule}");
    Ok(())
}

async fn led_to_the_pool(governed: &Governed) -> Result<()> {
    let route = wait_for(governed, Kind::HTTPRoute, "picked").await?;
    leads_where_it_should(&route, "/picked")?;
    ensure!(route["spec"]["rules"][0]["backendRefs"][0]["kind"] == "InferencePool", "{route}");
    let pool = wait_for(governed, Kind::InferencePool, "picked").await?;
    let labels = &pool["spec"]["selector"]["matchLabels"];
    let pods = governed.pods("halsa/picked").await?;
    ensure!(!pods.is_empty(), "there is no pod to choose");
    for (label, value) in labels.as_object().into_iter().flatten() {
        ensure!(pods.iter().all(|pod| &pod["metadata"]["labels"][label] == value), "{labels} selects no pod");
    }
    Ok(())
}

/// A tenant who may write routes changes that of a model in no way, and makes none that says it is Hemvist's.
async fn nobody_else_changes_it(governed: &Governed) -> Result<()> {
    let stranger = governed.objects_of("someone").await?;
    let everything = json!({"spec": {"rules": [{"backendRefs": [{"name": "direct", "port": 8000}]}]}});
    let refused = stranger.merge(Kind::HTTPRoute, "halsa", "direct", &everything).await;
    ensure!(format!("{refused:?}").contains("'hemvist-children'"), "{refused:?}");
    let forged = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"namespace": "halsa", "name": "lik", "labels": {"app.kubernetes.io/managed-by": "hemvist"}},
        "spec": everything["spec"],
    });
    let refused = stranger.refusal(&forged).await?.unwrap_or_default();
    ensure!(refused.contains("'hemvist-children'"), "{refused}");
    let elsewhere = json!({"spec": {"endpointPickerRef": {"name": "mine"}}});
    let refused = stranger.merge(Kind::InferencePool, "halsa", "picked", &elsewhere).await;
    ensure!(format!("{refused:?}").contains("'hemvist-children'"), "{refused:?}");
    Ok(())
}
