//! `hemvist check`.

use std::io::Read;

use hemvist_api::ai_policy::FieldWithoutEffect;
use hemvist_api::condition::Reason;
use hemvist_core::date;
use hemvist_core::decide::{Decision, Plan, decide};
use hemvist_core::placement::{Exclusion, Verdict as PlacementVerdict, messages};
use hemvist_core::policy::{ROOT_ONLY_FIELDS, fields_without_effect};
use hemvist_core::schedule::{Schedule, schedule};
use hemvist_core::snapshot::{Key, Snapshot};
use hemvist_core::violation::{RuleSource, Violation};

use crate::arguments::{CheckArguments, Format};
use crate::collection::{AI_POLICY, Collection, Level, MODEL_DEPLOYMENT, Origin, Problem};
use crate::human;
use crate::outcome::{Exit, Outcome};
use crate::report::{
    CandidateReport, ExclusionReport, Finding, ModelReport, PlacementReport, PolicyFields, PolicyReport,
    Report, Rule, Verdict,
};
use crate::sources::sources;

/// Judges every model in the files.
pub fn check(arguments: &CheckArguments, stdin: &mut dyn Read) -> Outcome {
    let sources = match sources(arguments.input.files.iter().chain(&arguments.nodes), stdin) {
        Ok(sources) => sources,
        Err(errors) => return Outcome::failure(Exit::Input, human::errors(&errors)),
    };
    let collection = Collection::read(&sources);
    if collection.origins.is_empty()
        && collection.problems.iter().all(|problem| problem.level == Level::Warning)
    {
        let warnings: String = collection.problems.iter().map(human::problem).collect();
        let message = human::nothing_found(sources.len(), collection.objects, &[MODEL_DEPLOYMENT, AI_POLICY]);
        return Outcome::failure(Exit::Input, warnings + &message);
    }
    let snapshot = arguments.input.snapshot(&collection.manifests);
    let report = report(&collection, &snapshot);
    let exit = report.exit(arguments.strict);
    let stdout = match arguments.output {
        Format::Human => human::report(&report),
        Format::Json => match serde_json::to_string_pretty(&report) {
            Ok(text) => text + "\n",
            Err(error) => return Outcome::failure(Exit::Input, human::errors(&[error.to_string()])),
        },
    };
    Outcome { stdout, stderr: String::new(), exit }
}

fn report(collection: &Collection, snapshot: &Snapshot) -> Report {
    let schedule = schedule(snapshot);
    let models = collection
        .of_kind(MODEL_DEPLOYMENT)
        .map(|(key, origin)| model(collection, snapshot, &schedule, key, origin));
    let policies = collection.of_kind(AI_POLICY).map(|(key, origin)| policy(snapshot, key, origin));
    Report::new(
        date::today(&snapshot.now).to_string(),
        models.collect(),
        policies.collect(),
        collection.problems.clone(),
        collection.incomplete,
    )
}

fn model(
    collection: &Collection,
    snapshot: &Snapshot,
    schedule: &Schedule,
    key: &Key,
    origin: &Origin,
) -> ModelReport {
    let decision = collection.manifests.subject(key).map(|subject| decide(snapshot, schedule, &subject));
    let is_valid = origin.problems.is_empty();
    let mut findings: Vec<_> = origin.problems.iter().map(as_written).collect();
    let mut report = ModelReport {
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        place: origin.place(""),
        verdict: Verdict::Invalid,
        findings: Vec::new(),
        policies: Vec::new(),
        placement: None,
    };
    if let Some(decision) = decision {
        let level = if decision.plan().is_some() { Level::Warning } else { Level::Error };
        findings
            .extend(decision.violations.iter().map(|violation| judged(collection, origin, violation, level)));
        report.policies = policies(&decision);
        if is_valid {
            report.verdict = verdict(&decision);
            report.placement = decision.plan().and_then(|plan| placement(snapshot, schedule, plan));
        }
    }
    findings.extend(report.placement.as_ref().and_then(|placement| nowhere(origin, placement)));
    ModelReport { findings, ..report }
}

fn verdict(decision: &Decision) -> Verdict {
    match decision.plan() {
        None => Verdict::Refused,
        Some(_) if decision.violations.is_empty() => Verdict::Accepted,
        Some(_) => Verdict::AcceptedWithFindings,
    }
}

/// A fault of the object as it is written, before any policy is asked.
fn as_written(problem: &Problem) -> Finding {
    Finding {
        level: problem.level,
        reason: Reason::Invalid.to_string(),
        field: None,
        message: problem.message.clone(),
        place: problem.place.clone(),
        rule: None,
    }
}

fn judged(collection: &Collection, origin: &Origin, violation: &Violation, level: Level) -> Finding {
    Finding {
        level,
        reason: violation.reason().to_string(),
        field: Some(violation.field.clone()),
        message: violation.message(),
        place: origin.place(&violation.field),
        rule: violation.rule.as_ref().map(|rule| rule_at(collection, rule)),
    }
}

fn rule_at(collection: &Collection, rule: &RuleSource) -> Rule {
    let key = (AI_POLICY.to_owned(), Key::new(rule.namespace.clone(), rule.name.clone()));
    Rule {
        namespace: rule.namespace.clone(),
        name: rule.name.clone(),
        field: rule.field.clone(),
        place: collection.origins.get(&key).map(|origin| origin.place(&rule.field)),
    }
}

fn policies(decision: &Decision) -> Vec<PolicyFields> {
    let uses = decision.policies.iter().cloned();
    uses.map(|used| PolicyFields { namespace: used.namespace, name: used.name, fields: used.fields })
        .collect()
}

/// Where an accepted model can go, if a node is known at all.
fn placement(snapshot: &Snapshot, schedule: &Schedule, plan: &Plan) -> Option<PlacementReport> {
    if snapshot.nodes.is_empty() {
        return None;
    }
    let placement = &plan.placement;
    let (verdict, message) = match placement.verdict() {
        PlacementVerdict::Fits => ("Fits", fits(placement.wanted)),
        PlacementVerdict::Waiting => ("Waiting", format!("waits for {}", placement.waiting_for())),
        PlacementVerdict::NoEligibleNode => ("NoEligibleNode", placement.no_eligible_node()),
    };
    let (mut candidates, mut exclusions) = (Vec::new(), Vec::new());
    for (node, found) in schedule.nodes(&plan.model) {
        match found {
            Ok(candidate) => candidates.push(CandidateReport {
                node,
                note: candidate.note(),
                data_centre: candidate.data_centre,
                replicas: candidate.slots,
            }),
            Err(reasons) => exclusions.push(ExclusionReport {
                node,
                reason: reasons.first().map_or("", Exclusion::code),
                reasons: reasons.iter().map(Exclusion::code).collect(),
                message: messages(&reasons, &placement.demand),
            }),
        }
    }
    Some(PlacementReport { verdict, message, candidates, exclusions })
}

fn fits(wanted: i64) -> String {
    match wanted {
        0 => "scaled to zero".to_owned(),
        1 => "the one replica fits".to_owned(),
        _ => format!("all {wanted} replicas fit"),
    }
}

/// An accepted model that no node can take is worth a warning: the nodes may not be the cluster's.
fn nowhere(origin: &Origin, placement: &PlacementReport) -> Option<Finding> {
    (placement.verdict == Reason::NoEligibleNode.as_str()).then(|| Finding {
        level: Level::Warning,
        reason: Reason::NoEligibleNode.to_string(),
        field: None,
        message: placement.message.clone(),
        place: origin.place("spec.accelerator"),
        rule: None,
    })
}

fn policy(snapshot: &Snapshot, key: &Key, origin: &Origin) -> PolicyReport {
    let in_vain = fields_without_effect(&snapshot.policies, &snapshot.settings, key);
    let in_vain = in_vain.into_iter().map(|field| without_effect(origin, field));
    PolicyReport {
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        place: origin.place(""),
        findings: origin.problems.iter().map(as_written).chain(in_vain).collect(),
    }
}

fn without_effect(origin: &Origin, entry: FieldWithoutEffect) -> Finding {
    let is_root_only = ROOT_ONLY_FIELDS.contains(&entry.field.as_str());
    let reason = if is_root_only { Reason::RootNamespaceOnly } else { Reason::LoosensRegion };
    Finding {
        level: Level::Warning,
        reason: reason.to_string(),
        message: format!("{} has no effect: {}", entry.field, entry.message),
        place: origin.place(&entry.field),
        field: Some(entry.field),
        rule: None,
    }
}
