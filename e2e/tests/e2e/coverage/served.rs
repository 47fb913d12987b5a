//! What an API server serves, by its own discovery.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIResource, APIResourceList};
use kube::Client;

/// Sub-resources that are connections: admission calls every verb of them `CONNECT`.
const CONNECTIONS: [&str; 6] =
    ["nodes/proxy", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "services/proxy"];

/// A resource or sub-resource that somebody can write or connect to.
#[derive(Clone, Debug, Default)]
pub struct Served {
    /// The versions in which it is served.
    pub versions: BTreeSet<String>,
    /// What admission is asked of it: `CREATE`, `UPDATE`, `DELETE`, `CONNECT`.
    pub operations: BTreeSet<&'static str>,
}

/// Group (empty for the core) and resource, such as `pods/exec`.
pub type Target = (String, String);

/// Every resource of this API server. Admission is not asked about reading, so that what can only be read is none.
///
/// # Errors
/// Where discovery does not answer.
pub async fn targets(client: &Client) -> Result<BTreeMap<Target, Served>> {
    let mut lists: Vec<(String, String, APIResourceList)> = Vec::new();
    for version in client.list_core_api_versions().await?.versions {
        let list = client.list_core_api_resources(&version).await?;
        lists.push((String::new(), version, list));
    }
    for group in client.list_api_groups().await?.groups {
        for version in &group.versions {
            let list = client.list_api_group_resources(&version.group_version).await;
            let list = list.with_context(|| format!("discovering {}", version.group_version))?;
            lists.push((group.name.clone(), version.version.clone(), list));
        }
    }
    let mut targets: BTreeMap<Target, Served> = BTreeMap::new();
    for (group, version, list) in lists {
        for resource in list.resources {
            let operations = operations(&resource);
            if operations.is_empty() {
                continue;
            }
            let target = targets.entry((group.clone(), resource.name)).or_default();
            target.versions.insert(version.clone());
            target.operations.extend(operations);
        }
    }
    Ok(targets)
}

/// What admission calls the verbs of a resource.
fn operations(resource: &APIResource) -> BTreeSet<&'static str> {
    if CONNECTIONS.contains(&resource.name.as_str()) {
        return BTreeSet::from(["CONNECT"]);
    }
    let operation = |verb: &String| match verb.as_str() {
        "create" => Some("CREATE"),
        // Who updates or applies what is not there creates it, where its kind allows that.
        "update" | "patch" => Some("UPDATE"),
        "delete" | "deletecollection" => Some("DELETE"),
        _ => None,
    };
    resource.verbs.iter().filter_map(operation).collect()
}
