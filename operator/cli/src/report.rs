//! The result of `hemvist check` as a value: what the JSON output says, and what the text for people is made from.

use serde::Serialize;

use crate::collection::{Level, Place, Problem};
use crate::outcome::Exit;

/// The version of the JSON output.
pub const REPORT_VERSION: &str = "cli.hemvist.dev/v1alpha1";

/// The kind of the JSON output.
pub const REPORT_KIND: &str = "CheckReport";

/// What was found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The version of this format.
    pub api_version: &'static str,
    /// The kind of this document.
    pub kind: &'static str,
    /// The day on which was judged.
    pub day: String,
    /// How much was found.
    pub summary: Summary,
    /// Each model, by namespace and name.
    pub models: Vec<ModelReport>,
    /// Each policy, by namespace and name.
    pub policies: Vec<PolicyReport>,
    /// What is wrong with the texts.
    pub problems: Vec<Problem>,
}

/// How much was found.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Accepted models.
    pub accepted: usize,
    /// Refused models.
    pub refused: usize,
    /// Models that the API server would not take.
    pub invalid: usize,
    /// Findings that are errors.
    pub errors: usize,
    /// Findings that are warnings.
    pub warnings: usize,
    /// Whether a document could not be parsed, so that a policy or a model may be missing here.
    pub incomplete: bool,
}

/// What becomes of a model.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub enum Verdict {
    /// It would be carried out.
    Accepted,
    /// It would be carried out, because the policies only warn of what was found.
    AcceptedWithFindings,
    /// It would not be carried out.
    Refused,
    /// The API server would not take it as it is written.
    Invalid,
}

/// A model with its verdict.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelReport {
    pub namespace: String,
    pub name: String,
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// What becomes of it.
    pub verdict: Verdict,
    /// What was found.
    pub findings: Vec<Finding>,
    /// The policies that set its limits, with the fields.
    pub policies: Vec<PolicyFields>,
    /// Where it can go; absent where no node is known or the model is not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementReport>,
}

/// A policy that sets limits of a model.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyFields {
    pub namespace: String,
    pub name: String,
    /// The fields that set limits.
    pub fields: Vec<String>,
}

/// A policy with what is to be said of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyReport {
    pub namespace: String,
    pub name: String,
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// What was found: faults, and fields without effect.
    pub findings: Vec<Finding>,
}

/// Something that was found in a model or a policy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How severe it is.
    pub level: Level,
    /// The reason, as `hemvist explain` knows it.
    pub reason: String,
    /// The field, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What it is, in words.
    pub message: String,
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
    /// The rule of a policy that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
}

/// A field of a policy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Namespace of the policy.
    pub namespace: String,
    /// Name of the policy.
    pub name: String,
    pub field: String,
    /// Where it stands, where the policy is among the texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// Where a model can go.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacementReport {
    /// `Fits`, `Waiting` or `NoEligibleNode`.
    pub verdict: &'static str,
    /// What it comes to, in words.
    pub message: String,
    /// Nodes that can take replicas.
    pub candidates: Vec<CandidateReport>,
    /// All other nodes, each with its reason.
    pub exclusions: Vec<ExclusionReport>,
}

/// A node that can take replicas of a model.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateReport {
    pub node: String,
    pub data_centre: String,
    /// How many replicas it can hold.
    pub replicas: i64,
    /// What has to be known of it; absent where its accelerators are whole devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A node that cannot.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExclusionReport {
    pub node: String,
    /// The weightiest reason in one word.
    pub reason: &'static str,
    /// Every reason in one word, the weightiest first.
    pub reasons: Vec<&'static str>,
    /// Every reason in words, to be read after the name of the node.
    pub message: String,
}

impl Report {
    /// The report with its summary estimated.
    pub fn new(
        day: String,
        models: Vec<ModelReport>,
        policies: Vec<PolicyReport>,
        problems: Vec<Problem>,
        incomplete: bool,
    ) -> Self {
        let verdicts = |verdict: Verdict| models.iter().filter(|model| model.verdict == verdict).count();
        let findings = models
            .iter()
            .flat_map(|model| &model.findings)
            .chain(policies.iter().flat_map(|one| &one.findings));
        let levels: Vec<_> = findings
            .map(|finding| finding.level)
            .chain(problems.iter().map(|problem| problem.level))
            .collect();
        let count = |level: Level| levels.iter().filter(|one| **one == level).count();
        let summary = Summary {
            accepted: verdicts(Verdict::Accepted) + verdicts(Verdict::AcceptedWithFindings),
            refused: verdicts(Verdict::Refused),
            invalid: verdicts(Verdict::Invalid),
            errors: count(Level::Error),
            warnings: count(Level::Warning),
            incomplete,
        };
        Self { api_version: REPORT_VERSION, kind: REPORT_KIND, day, summary, models, policies, problems }
    }

    /// The exit code: what could not be parsed is graver than what was found.
    pub const fn exit(&self, strict: bool) -> Exit {
        if self.summary.incomplete {
            Exit::Input
        } else if self.summary.errors > 0 || (strict && self.summary.warnings > 0) {
            Exit::Findings
        } else {
            Exit::Success
        }
    }
}
