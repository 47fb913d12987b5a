//! Text for people, without colour.

use std::fmt::Write;

use crate::collection::{Level, Place, Problem};
use crate::report::{Finding, ModelReport, PlacementReport, PolicyReport, Report, Summary, Verdict};

/// Errors, one on each line.
pub fn errors(errors: &[String]) -> String {
    errors.iter().fold(String::new(), |text, error| text + "error: " + error + "\n")
}

/// That nothing of the kinds that were looked for is in the files.
pub fn nothing_found(files: usize, objects: usize, kinds: &[&str]) -> String {
    format!(
        "error: no {} in {} with {}\n",
        kinds.join(" or "),
        counted(files, "file"),
        counted(objects, "object")
    )
}

/// What is wrong with a text.
pub fn problem(problem: &Problem) -> String {
    let Place { document, .. } = problem.place;
    format!(
        "{}: {} (document {document}): {}\n",
        level(problem.level),
        place(&problem.place),
        problem.message
    )
}

/// The whole report.
pub fn report(report: &Report) -> String {
    let mut blocks: Vec<_> = report.models.iter().map(model).collect();
    blocks.extend(report.policies.iter().map(policy));
    let problems: String = report.problems.iter().map(problem).collect();
    blocks.extend((!problems.is_empty()).then_some(problems));
    blocks.push(summary(report));
    blocks.join("\n")
}

fn model(model: &ModelReport) -> String {
    let verdict = match model.verdict {
        Verdict::Accepted => "accepted",
        Verdict::AcceptedWithFindings => "accepted with warnings",
        Verdict::Refused => "refused",
        Verdict::Invalid => "invalid",
    };
    let mut text = heading(verdict, "ModelDeployment", &model.namespace, &model.name, &model.place);
    text.extend(model.findings.iter().map(finding));
    if let Some(found) = &model.placement {
        text += &placement(found);
    }
    text
}

fn policy(policy: &PolicyReport) -> String {
    let verdict = if policy.findings.iter().any(|finding| finding.level == Level::Error) {
        "invalid"
    } else if policy.findings.is_empty() {
        "valid"
    } else {
        "valid, with fields that have no effect"
    };
    let mut text = heading(verdict, "AIPolicy", &policy.namespace, &policy.name, &policy.place);
    text.extend(policy.findings.iter().map(finding));
    text
}

fn heading(verdict: &str, kind: &str, namespace: &str, name: &str, at: &Place) -> String {
    format!("{kind} {namespace}/{name}: {verdict} ({})\n", place(at))
}

fn finding(finding: &Finding) -> String {
    let Finding { level: severity, reason, message, place: at, .. } = finding;
    format!("  {}: {reason} ({})\n    {message}\n", level(*severity), place(at))
}

fn placement(placement: &PlacementReport) -> String {
    // Of a model that fits nowhere the message is a finding already.
    let message = if placement.candidates.is_empty() && placement.verdict == "NoEligibleNode" {
        "no node is cleared and suitable"
    } else {
        &placement.message
    };
    let mut text = format!("  nodes: {message}\n");
    // Writing to a String cannot fail.
    for candidate in &placement.candidates {
        let note = candidate.note.iter().fold(String::new(), |text, note| format!("{text}: {note}"));
        let room = counted(usize::try_from(candidate.replicas).unwrap_or_default(), "replica");
        let _ =
            writeln!(text, "    {} in {} has room for {room}{note}", candidate.node, candidate.data_centre);
    }
    for exclusion in &placement.exclusions {
        let _ = writeln!(
            text,
            "    {} is excluded: {} ({})",
            exclusion.node,
            exclusion.message,
            exclusion.reasons.join(", ")
        );
    }
    text
}

fn summary(report: &Report) -> String {
    let Summary { accepted, refused, invalid, errors, warnings, incomplete } = report.summary;
    let mut text = format!(
        "{}: {accepted} accepted, {refused} refused, {invalid} invalid; {} on {}.\n",
        counted(accepted + refused + invalid, "model"),
        format_args!("{} and {}", counted(errors, "error"), counted(warnings, "warning")),
        report.day,
    );
    if report.models.iter().any(|model| model.placement.is_some()) {
        text += "Each model is placed for itself, as if no other model in these files were new.\n";
    }
    if incomplete {
        text += "A document could not be parsed. If it is an AIPolicy, the cluster may refuse more than this report says.\n";
    }
    let models = report.models.iter().map(|model| &model.findings);
    let mut findings = models.chain(report.policies.iter().map(|policy| &policy.findings)).flatten();
    if findings.next().is_some() {
        text += "`hemvist explain REASON` says what a reason means and what to do.\n";
    }
    text
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}

/// A place as editors and terminals know it.
fn place(place: &Place) -> String {
    if place.line == 0 {
        place.file.clone()
    } else {
        format!("{}:{}:{}", place.file, place.line, place.column)
    }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
