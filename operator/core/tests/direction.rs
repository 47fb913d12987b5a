//! Within each crate, modules use those below them and no others. The order is written down here, and this test reads the
//! sources and holds them to it. `docs/src/architecture.md` says what the modules are for.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test may read files, and fails where one of them cannot be read"
)]

#[path = "direction/reader.rs"]
mod reader;
#[path = "direction/tests.rs"]
mod tests;
#[path = "direction/tree.rs"]
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tree::{Tree, circles, top};

/// The modules of one crate, from the bottom up. Those of one layer do not know each other. The root of the crate is above
/// all of them.
struct Crate {
    /// The folder of its root, from that of the workspace.
    folder: &'static str,
    layers: &'static [&'static [&'static str]],
    /// Modules whose children do not know each other.
    apart: &'static [&'static str],
    /// Whether no files use each other in a circle within one module either.
    files_too: bool,
}

const CRATES: [Crate; 12] = [
    Crate {
        folder: "crds/src",
        layers: &[
            &["closed_enum", "labels"],
            &["values"],
            &["condition"],
            &["ai_policy", "model_deployment"],
            &["definition"],
        ],
        apart: &[],
        files_too: true,
    },
    CORE,
    Crate {
        folder: "operator/controller/src",
        layers: &[
            // Plain values.
            &["call", "clock", "fake_api", "jitter", "managed_fields", "metrics"],
            &["args"],
            &["client", "lease", "telemetry"],
            // What is seen.
            &["cache"],
            &["objects", "probes"],
            &["compiled"],
            &["view"],
            // What happens, and which keys it makes due.
            &["queue"],
            &["triggers"],
            &["watch"],
            // What every reconciler works with.
            &["events"],
            &["context"],
            // What writes.
            &["evict", "prune", "status"],
            &["apply"],
            // What reconciles.
            &["reconciler"],
            &["fixture"],
            &["reconcilers"],
            &["workers"],
            &["http"],
            &["run"],
        ],
        apart: &["reconcilers"],
        files_too: true,
    },
    Crate {
        folder: "operator/cli/src",
        layers: &[
            &["arguments", "located", "outcome", "sources", "yaml"],
            &["document", "schema"],
            &["collection"],
            &["report"],
            &["human"],
            &["check", "crds", "explain", "model", "policy", "render"],
        ],
        apart: &[],
        files_too: true,
    },
    Crate { folder: "operator/digest/src", layers: &[&["error"], &["walk"]], apart: &[], files_too: true },
    Crate {
        folder: "operator/fetch/src",
        layers: &[&["outcome"], &["listing", "verify"], &["mirror", "store"], &["download"], &["fetch"]],
        apart: &[],
        files_too: false,
    },
    Crate {
        folder: "operator/fetch/tests/mirrors",
        layers: &[&["program", "relay"], &["server"], &["hub", "object_store", "storage"]],
        apart: &[],
        files_too: true,
    },
    Crate {
        folder: "operator/conformance/src",
        layers: &[
            &["random", "table"],
            &["texts"],
            &["exceptions"],
            &["policies"],
            &["allowed", "fault", "verdict"],
            &["models", "newcomer", "sharing"],
            &["extremes", "pods"],
            &["server"],
            &["comparison"],
        ],
        apart: &[],
        files_too: false,
    },
    Crate {
        folder: "e2e/src",
        layers: &[
            &["audit", "binaries", "certificates", "command", "interface", "kubeconfig", "manifests"],
            &["nodes", "objects", "ports", "process", "wait"],
            &["command_line", "helm", "kubectl", "operator", "oracle"],
            &["control_plane"],
            &["installation", "optional_crds"],
            &["governed", "models", "region"],
            &["bypass", "narrator"],
            &["bench", "demo"],
        ],
        apart: &[],
        files_too: false,
    },
    Crate {
        folder: "e2e/tests/e2e",
        layers: &[&[
            "bypass",
            "bypass_control",
            "chart_admission",
            "children",
            "clearance",
            "control_plane",
            "coverage",
            "gateway",
            "leadership",
            "policies",
            "quiet",
            "recovery",
            "region",
            "rendered",
            "repair",
            "restarts",
            "rights",
            "scaling",
            "schema",
            "static_admission",
            "tightening",
            "trouble",
            "unreadable",
            "weights",
        ]],
        apart: &[],
        files_too: false,
    },
    Crate {
        folder: "e2e/real/src",
        layers: &[
            &["gate", "http", "image", "programs"],
            &["containerd", "engine", "machine", "tools"],
            &["broken", "inside", "node"],
            &["autoscalers", "envoy_gateway", "object_store"],
        ],
        apart: &[],
        files_too: false,
    },
    Crate {
        folder: "e2e/real/tests/real",
        layers: &[
            &["surroundings"],
            &["changes", "client", "failures", "inspection", "promises"],
            &["control_paths", "crowd", "rolling", "weights", "zero"],
            &["autoscaling", "custom_metrics", "gateway"],
        ],
        apart: &[],
        files_too: false,
    },
];

/// The order of the core.
const CORE: Crate = Crate {
    folder: "operator/core/src",
    layers: &[
        &["date", "quantity", "rules"],
        &["bytes"],
        &["accelerator"],
        &["engine"],
        &["snapshot"],
        &["violation"],
        &["policy"],
        &["request"],
        &["acceptance", "placement"],
        &["schedule"],
        &["decide"],
        &["unmanaged"],
        &["render"],
        &["admission"],
        &["status"],
    ],
    apart: &[],
    files_too: false,
};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every `.rs` file in a folder and below.
fn files_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(path.display().to_string());
        }
    }
}

impl Crate {
    /// One tree for each of its roots: the library, and every program beside it.
    fn trees(&self) -> Vec<Tree> {
        let folder = workspace().join(self.folder);
        let mut roots: Vec<PathBuf> = ["lib.rs", "main.rs"].map(|root| folder.join(root)).into();
        if let Ok(programs) = std::fs::read_dir(folder.join("bin")) {
            roots.extend(programs.map(|program| program.unwrap().path()));
        }
        let trees: Vec<Tree> =
            roots.iter().filter(|root| root.is_file()).map(|root| Tree::of_crate(root)).collect();
        assert!(!trees.is_empty(), "{} is no crate", self.folder);
        trees
    }

    /// Whether both are children of one module, or below them, that do not know each other.
    fn keeps_apart(&self, from: &[String], to: &[String]) -> bool {
        match (from, to) {
            ([parent, one, ..], [same, other, ..]) => {
                parent == same && one != other && self.apart.contains(&parent.as_str())
            }
            _ => false,
        }
    }

    /// What is wrong with its modules, one line each.
    fn faults(&self, trees: &[Tree]) -> Vec<String> {
        let layer_of: BTreeMap<&str, usize> =
            (0..).zip(self.layers).flat_map(|(at, layer)| layer.iter().map(move |one| (*one, at))).collect();
        let there: BTreeSet<&str> = trees.iter().flat_map(Tree::tops).collect();
        let mut faults: Vec<String> = Vec::new();
        for module in there.iter().filter(|module| !layer_of.contains_key(*module)) {
            faults.push(format!("{}: the module {module} has no layer", self.folder));
        }
        for module in layer_of.keys().filter(|module| !there.contains(*module)) {
            faults.push(format!("{}: there is no module {module}", self.folder));
        }
        for tree in trees {
            let arrows = tree.arrows();
            for arrow in &arrows {
                // The root may use everything.
                let Some(from) = top(&arrow.from.module) else { continue };
                let to = top(&arrow.to.module);
                let is_down = to.is_some_and(|to| layer_of.get(to) < layer_of.get(from));
                if to != Some(from) && !is_down {
                    let to = to.unwrap_or("the root of the crate");
                    faults.push(format!("{}: {from} must not use {to}: {arrow}", self.folder));
                }
            }
            let siblings =
                arrows.iter().filter(|arrow| self.keeps_apart(&arrow.from.module, &arrow.to.module));
            faults.extend(
                siblings.map(|arrow| format!("{}: children must not know each other: {arrow}", self.folder)),
            );
            if self.files_too {
                faults.extend(
                    circles(&arrows).iter().map(|circle| format!("{}: a circle of {circle:?}", self.folder)),
                );
            }
        }
        faults
    }
}

#[test]
fn modules_use_those_below_them_and_no_others() {
    let mut faults = Vec::new();
    for one in &CRATES {
        let trees = one.trees();
        let arrows: usize = trees.iter().map(|tree| tree.arrows().len()).sum();
        let files: usize = trees.iter().map(|tree| tree.files().len()).sum();
        assert!(arrows + 2 >= files / 2, "{}: only {arrows} arrows were found in {files} files", one.folder);
        faults.extend(one.faults(&trees));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_of_a_crate_belongs_to_a_module() {
    for one in &CRATES {
        let trees = one.trees();
        let declared: BTreeSet<&str> = trees.iter().flat_map(Tree::files).collect();
        let mut there = BTreeSet::new();
        files_below(&workspace().join(one.folder), &mut there);
        let lost: Vec<_> = there.iter().filter(|file| !declared.contains(file.as_str())).collect();
        assert!(lost.is_empty(), "no module declares {lost:?}");
    }
}

#[test]
fn every_crate_of_the_workspace_has_an_order() {
    let manifest = std::fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.len() >= 9, "only {members:?} were found");
    for member in members {
        let sources = format!("{member}/src");
        assert!(CRATES.iter().any(|one| one.folder == sources), "{sources} has no order");
    }
}
