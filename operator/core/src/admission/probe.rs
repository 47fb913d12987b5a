//! Probes: objects that a compiled policy must refuse, which shows that it is in force.
//!
//! A policy that was written is not in force at once, and one that somebody has weakened is not in force any more. So the
//! API server is asked, in a dry run, to make an object that the policy refuses by name. Its refusal says which policy, at
//! which generation of the AIPolicy.

use hemvist_api::labels::PROBE;
use hemvist_api::values::Enforcement;
use serde_json::{Value, json};

use super::cel::{Expr, all, name, text};
use super::{Compiled, pods};
use crate::snapshot::{Settings, content_hash};

/// What the name of every probe begins with; the API server completes it.
const GENERATE_NAME: &str = "hemvist-probe-";

/// An object that a compiled policy has to refuse.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The compiled policy.
    pub policy: String,
    /// What its refusal says, as a part of it.
    pub answer: String,
    /// The object, to be made in a dry run.
    pub object: Value,
    /// Whether the object is a Pod, or else a ModelDeployment.
    pub is_pod: bool,
}

/// The policy that the object names as the one that has to refuse it; empty where it names none.
pub(super) fn named() -> Expr {
    name("object").field("metadata").maybe("annotations").maybe_item(text(PROBE)).or_empty()
}

/// Whether the object is sent to be refused by another policy. What is only tried is never kept, so nobody else has to look
/// at it.
pub(super) fn is_of_another() -> Expr {
    let dry_run = name("request").maybe("dryRun").or_value(Expr::Bool(false));
    all([dry_run, named().differs(text(""))])
}

impl Compiled {
    /// The probe of the policy. None where it judges what cannot be sent as a probe, or refuses nothing and only warns.
    pub fn probe(&self, settings: &Settings) -> Option<Probe> {
        let denies = |(enforcement, scope): &(Enforcement, super::Scope)| {
            *enforcement == Enforcement::Deny && scope.contains(&settings.root_namespace)
        };
        let is_pod = self.match_rules.contains(&pods::MATCH_RULE);
        if !self.probed || !self.actions.iter().any(denies) {
            return None;
        }
        let object = if is_pod { self.pod(settings) } else { self.model(settings) };
        // With the apostrophe, so that no name is taken for the beginning of another.
        let answer = format!(
            "ValidatingAdmissionPolicy '{}' with binding '{}' denied request: {}",
            self.name,
            self.name,
            self.probe_answer()
        );
        Some(Probe { policy: self.name.clone(), answer, object, is_pod })
    }

    /// What the policy says to its probe: which policy it is, and in which version. Of a policy that was rewritten, the answer
    /// of the earlier one proves nothing.
    pub(super) fn probe_answer(&self) -> String {
        let version = self.version();
        match &self.author {
            Some((key, generation)) => {
                format!("a probe: AIPolicy {key} at generation {generation} is in force, version {version}.")
            }
            None => format!("a probe: default deny is in force, version {version}."),
        }
    }

    /// Hash of what is judged, where, and what a violation results in.
    fn version(&self) -> String {
        content_hash(&Value::from(format!("{self:?}")))
    }

    fn probe_metadata(&self, settings: &Settings) -> Value {
        json!({
            "generateName": GENERATE_NAME,
            "namespace": settings.root_namespace,
            "annotations": { PROBE: self.name },
        })
    }

    fn pod(&self, settings: &Settings) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": self.probe_metadata(settings),
            "spec": {
                "automountServiceAccountToken": false,
                "containers": [{
                    "name": "probe",
                    "image": "probe.invalid/probe",
                    "resources": { "limits": { "nvidia.com/gpu": "1" } },
                    "securityContext": {
                        "allowPrivilegeEscalation": false,
                        "capabilities": { "drop": ["ALL"] },
                        "runAsNonRoot": true,
                        "seccompProfile": { "type": "RuntimeDefault" },
                    },
                }],
            },
        })
    }

    fn model(&self, settings: &Settings) -> Value {
        json!({
            "apiVersion": format!("{}/{}", hemvist_api::GROUP, hemvist_api::VERSION),
            "kind": "ModelDeployment",
            "metadata": self.probe_metadata(settings),
            "spec": {
                "purpose": {
                    "title": "Probe",
                    "owner": { "organisation": "Hemvist", "contact": "none" },
                    "informationClass": "Secret",
                    "personalData": false,
                    "riskClass": "Unacceptable",
                    "decisionSupport": "None",
                    "audience": "Staff",
                },
                "model": {
                    "source": { "image": { "reference": "probe.invalid/probe" } },
                    "format": "Safetensors",
                    "licence": "LicenseRef-Probe",
                },
                "engine": { "type": "VLLM", "image": "probe.invalid/probe" },
            },
        })
    }
}
