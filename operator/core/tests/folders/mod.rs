//! The folders of `scenarios/`, read. Three tests read them, each of another crate and each in its own way: through the
//! core, through `hemvist check`, and as dry runs on an API server.
//!
//! A folder has a `given.yaml` with Kubernetes objects and an `expect.yaml` (see [`Expectation`]).

#![allow(dead_code, reason = "each of the three tests looks at another part of an expectation")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hemvist_core::snapshot::{Key, LoadSource, Manifests, Mirrors, Settings};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Deserialize;
use serde_json::Value;

/// Files that several folders include.
const SHARED: &str = "shared";

/// What a folder says has to come of what it gives.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expectation {
    /// What the scenario shows.
    pub title: String,
    /// Files of `scenarios/shared` that are given too.
    #[serde(default)]
    pub include: Vec<String>,
    /// The moment.
    pub now: String,
    #[serde(default)]
    pub ungoverned_namespaces: Vec<String>,
    /// The image that fetches and verifies weights.
    #[serde(default)]
    pub tools_image: Option<String>,
    /// The mirrors, as in the operator's arguments.
    #[serde(default)]
    pub mirrors: Vec<String>,
    /// The gateway that the installation names, as `namespace/name`.
    pub gateway: Option<String>,
    /// The address of the Prometheus that the installation names.
    pub prometheus: Option<String>,
    /// By `namespace/name`.
    pub models: BTreeMap<String, ExpectedModel>,
}

/// What has to come of one model.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedModel {
    /// Every violation, as `Reason field`, in order.
    #[serde(default)]
    pub violations: Vec<String>,
    pub accepted: bool,
    /// Conditions, as `Status/Reason`. All that are present are listed.
    #[serde(default)]
    pub conditions: BTreeMap<String, String>,
    /// Pieces that the message of `Ready` has to contain.
    #[serde(default)]
    pub ready_says: Vec<String>,
    /// Pieces that the message of `DutiesCurrent` has to contain.
    #[serde(default)]
    pub duties_say: Vec<String>,
    /// Pieces that the message of `Routed` has to contain.
    #[serde(default)]
    pub routed_says: Vec<String>,
    /// Pieces that the message of `Autoscaled` has to contain.
    #[serde(default)]
    pub autoscaled_says: Vec<String>,
    /// Nodes that are candidates.
    #[serde(default)]
    pub candidates: Vec<String>,
    /// Every reason why other nodes are out, the weightiest first.
    #[serde(default)]
    pub exclusions: BTreeMap<String, String>,
    /// Pods that have to leave, as `pod@node`.
    #[serde(default)]
    pub evictions: Vec<String>,
    /// Pieces that `waitingFor` has to contain; absent means that nothing is waited for.
    #[serde(default)]
    pub waiting_for: Vec<String>,
    /// Where a gateway serves it; absent means that none is requested.
    pub gateway: Option<String>,
    /// What scales it, between which numbers and by what; absent means that nothing does.
    pub scaling: Option<String>,
    /// Exceptions that hold for it, as `namespace/name waives … until day`.
    #[serde(default)]
    pub exceptions: Vec<String>,
    /// What is deleted of a refused model, in order.
    #[serde(default)]
    pub pruned: Vec<String>,
}

/// A folder.
#[derive(Debug)]
pub struct Folder {
    /// Its name.
    pub name: String,
    /// Its `expect.yaml`.
    pub expectation: Expectation,
    /// The files with what is given, those that are included first.
    pub files: Vec<PathBuf>,
}

/// Every folder below `scenarios`, by name. Fewer than 20 are a mistake.
pub fn all(scenarios: &Path) -> Vec<Folder> {
    let mut paths: Vec<_> = std::fs::read_dir(scenarios)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() && !path.ends_with(SHARED))
        .collect();
    paths.sort();
    assert!(paths.len() >= 20, "only {} scenarios were found", paths.len());
    paths.iter().map(|path| Folder::read(scenarios, path)).collect()
}

/// Looks at every folder, the others too where one fails, and fails at the end if one has.
pub fn for_each(folders: &[Folder], mut look: impl FnMut(&Folder)) {
    let mut failed = Vec::new();
    for folder in folders {
        // Each failure is printed as it comes.
        let look = std::panic::AssertUnwindSafe(|| look(folder));
        if std::panic::catch_unwind(look).is_err() {
            failed.push(folder.name.as_str());
        }
    }
    assert!(failed.is_empty(), "{} of {} scenarios fail: {}", failed.len(), folders.len(), failed.join(", "));
}

impl Folder {
    fn read(scenarios: &Path, path: &Path) -> Self {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path.join("expect.yaml")).unwrap();
        let expectation: Expectation =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}/expect.yaml: {error}"));
        let included = expectation.include.iter().map(|file| scenarios.join(SHARED).join(file));
        let files = included.chain([path.join("given.yaml")]).collect();
        Self { name, expectation, files }
    }

    /// The objects that are given.
    pub fn documents(&self) -> Vec<Value> {
        let read = |file: &PathBuf| -> Vec<Value> {
            let text =
                std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        };
        self.files.iter().flat_map(read).collect()
    }

    /// The same, as the core reads them. Every model that is given is named in the expectation, so that nothing is judged
    /// without being looked at.
    pub fn given(&self) -> Manifests {
        let mut given = Manifests::default();
        for document in self.documents() {
            given.add(document).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        }
        let models: Vec<_> = given.models.keys().map(Key::to_string).collect();
        let named: Vec<_> = self.expectation.models.keys().cloned().collect();
        let (name, title) = (&self.name, &self.expectation.title);
        assert_eq!(models, named, "{name} ({title}): models given and models expected");
        given
    }

    /// The settings of the installation.
    pub fn settings(&self) -> Settings {
        let expectation = &self.expectation;
        let gateway = expectation.gateway.as_deref().and_then(|gateway| gateway.split_once('/'));
        Settings {
            ungoverned_namespaces: expectation.ungoverned_namespaces.iter().cloned().collect(),
            tools_image: expectation.tools_image.clone(),
            mirrors: Mirrors::read(expectation.mirrors.iter().map(String::as_str)).unwrap(),
            gateway: gateway.map(|(namespace, name)| Key::new(namespace, name)),
            load: LoadSource { prometheus: expectation.prometheus.clone(), requests: None },
            ..Settings::default()
        }
    }

    /// The moment.
    pub fn now(&self) -> Time {
        Time(self.expectation.now.parse().unwrap())
    }
}
