//! What is expected of the API server, what it says, and whether both are the same.

use std::collections::BTreeSet;

use hemvist_api::values::Enforcement;
use hemvist_api::{ModelDeployment, ModelDeploymentSpec};
use hemvist_core::admission::{PodFinding, judge_new_model, judge_new_pod};
use hemvist_core::policy::EffectivePolicy;
use hemvist_core::snapshot::Settings;
use hemvist_core::snapshot::{PolicyBook, PolicyEntry};
use hemvist_core::violation::{AllowList, Finding, RuleSource, Violation};
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use crate::policies::{TODAY, without_nulls};

/// What stands between the name of a compiled policy that was narrowed to some namespaces and what tells it apart.
pub const NARROWED: &str = ".only.";

/// The most characters of warnings that the API server sends whole.
const MOST_WARNINGS: usize = 4000;

/// Something that has to be reported of an object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reported {
    /// What kind of rule it is, for the table.
    pub kind: String,
    /// The code of the rule in the catalogue; of ModelDeployments only.
    pub code: Option<&'static str>,
    /// The compiled policy that reports it.
    policy: String,
    message: Wanted,
}

/// What a message has to be.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Wanted {
    /// One of these, letter by letter: what the core says of the same rule.
    Exactly(Vec<String>),
    /// It begins with the one and has the other in it: the core has no words for pods.
    Has { begins: String, words: String },
}

impl Reported {
    fn is(&self, policy: &str, message: &str) -> bool {
        self.policy == policy && self.message.is(message)
    }
}

impl Wanted {
    fn is(&self, message: &str) -> bool {
        match self {
            Self::Exactly(sentences) => sentences.iter().any(|sentence| sentence == message.trim()),
            Self::Has { begins, words } => message.starts_with(begins) && message.contains(words),
        }
    }
}

/// What the reference says of an object.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Whether the API server has to refuse it.
    pub refused: bool,
    /// What it may name as the reason.
    pub reasons: Vec<Reported>,
    /// What it has to warn of, all of it.
    pub warnings: Vec<Reported>,
    /// The duties that an exception waives, where without it the verdict were another, or there were a warning.
    pub waived: BTreeSet<String>,
    /// Why the core cannot read the object at all.
    pub unreadable: Option<String>,
}

impl Expected {
    /// What is expected of an object that the core cannot read: that it is found invalid.
    #[expect(clippy::needless_pass_by_value, reason = "it is given where an error is had by value")]
    pub fn unreadable(error: serde_json::Error) -> Self {
        Self { unreadable: Some(error.to_string()), ..Self::default() }
    }
}

/// What the API server says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It takes the object, with these warnings of compiled policies: the policy, and what it says.
    Admitted(Vec<(String, String)>),
    /// A compiled policy refuses it.
    Refused {
        policy: String,
        /// What it says.
        message: String,
    },
    /// The object is not valid, whatever a policy says.
    Invalid(String),
    /// Something else.
    Other(u16, String),
}

impl Answer {
    /// Reads an answer of the API server.
    pub fn read(status: u16, warnings: &[String], body: &str) -> Self {
        const BY: &str = "ValidatingAdmissionPolicy '";
        let named = |text: &str| {
            let (name, rest) = text.split_once(BY)?.1.split_once('\'')?;
            let (_, message) = rest.split_once(": ").or_else(|| rest.split_once(' '))?;
            // Which namespaces it was narrowed to is the test's.
            let name = name.split(NARROWED).next().unwrap_or(name);
            Some((name.to_owned(), message.to_owned()))
        };
        if status < 300 {
            return Self::Admitted(warnings.iter().filter_map(|text| named(&unquoted(text))).collect());
        }
        let message = serde_json::from_str::<Value>(body)
            .ok()
            .and_then(|status| status["message"].as_str().map(str::to_owned))
            .unwrap_or_else(|| body.to_owned());
        match named(&message) {
            Some((policy, message)) => Self::Refused { policy, message },
            None if matches!(status, 400 | 422) => Self::Invalid(message),
            None => Self::Other(status, message),
        }
    }
}

/// The text of a warning as its header has it: `299 - "TEXT"`, with a backslash before quotes and backslashes.
fn unquoted(header: &str) -> String {
    let text = header.split_once('"').map_or(header, |(_, text)| text);
    let text = text.strip_suffix('"').unwrap_or(text);
    let mut letters = text.chars();
    let mut unquoted = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        unquoted.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    unquoted
}

/// What is expected for a new ModelDeployment.
pub fn expected_of_model(
    book: &PolicyBook,
    settings: &Settings,
    namespace: &str,
    object: &Value,
) -> Result<Expected, serde_json::Error> {
    let spec: ModelDeploymentSpec = serde_json::from_value(without_nulls(object["spec"].clone()))?;
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let model = ModelDeployment::new(name, spec);
    let mut expected = judged(book, settings, namespace, &model);
    if let Some(without) = without_exceptions(book, name) {
        let otherwise = judged(&without, settings, namespace, &model);
        expected.waived = waived(&expected, &otherwise);
    }
    Ok(expected)
}

/// The book without the exceptions of its policies; `None` where none of them names the model.
fn without_exceptions(book: &PolicyBook, model: &str) -> Option<PolicyBook> {
    let mut without = book.clone();
    let mut named = false;
    for entry in without.entries.values_mut() {
        if let PolicyEntry::Readable(policy) = entry {
            let exceptions = policy.spec.exceptions.take();
            named |= exceptions.iter().flatten().any(|one| one.model_deployment.as_str() == model);
        }
    }
    named.then_some(without)
}

/// The last words of what is only reported without the exceptions, where they decide.
fn waived(expected: &Expected, otherwise: &Expected) -> BTreeSet<String> {
    let decide = expected.refused != otherwise.refused
        || expected.warnings.is_empty() != otherwise.warnings.is_empty();
    let gone = otherwise.reasons.iter().chain(&otherwise.warnings).filter(|reported| {
        decide && !expected.reasons.contains(reported) && !expected.warnings.contains(reported)
    });
    gone.map(|reported| reported.kind.rsplit('.').next().unwrap_or_default().to_owned()).collect()
}

fn judged(book: &PolicyBook, settings: &Settings, namespace: &str, model: &ModelDeployment) -> Expected {
    let denies = EffectivePolicy::for_namespace(book, settings, namespace).enforcement() == Enforcement::Deny;
    let warns = EffectivePolicy::for_namespace(book, settings, namespace).enforcement() == Enforcement::Warn;
    let mut violations = judge_new_model(book, settings, namespace, model, TODAY);
    let unreadable = violations.iter().any(|one| matches!(one.finding, Finding::PolicyUnreadable { .. }));
    let refused = violations.iter().any(|one| one.rule.is_none() || denies);
    if unreadable {
        // With one that cannot be read the reference does not report what is not stated. The API server still does.
        violations.extend(judge_new_model(&readable(book), settings, namespace, model, TODAY));
    }
    let (stated, plain): (Vec<_>, Vec<_>) = violations.iter().partition(|one| one.rule.is_some());
    let reported = |all: Vec<&Violation>| {
        all.into_iter().map(|one| reported_of_model(one, &model.spec)).collect::<Vec<_>>()
    };
    let mut expected = Expected { refused, reasons: reported(plain), ..Expected::default() };
    if denies {
        expected.reasons.extend(reported(stated));
    } else if warns && !refused {
        expected.warnings = reported(stated);
    }
    expected
}

fn readable(book: &PolicyBook) -> PolicyBook {
    let is_readable = |entry: &PolicyEntry| matches!(entry, PolicyEntry::Readable(_));
    let entries = book.entries.iter().filter(|(_, entry)| is_readable(entry));
    PolicyBook { entries: entries.map(|(key, entry)| (key.clone(), entry.clone())).collect() }
}

fn reported_of_model(violation: &Violation, model: &ModelDeploymentSpec) -> Reported {
    let policy = match (&violation.rule, &violation.finding) {
        (Some(rule), _) => format!("hemvist-models.{}.{}", rule.namespace, rule.name),
        (None, Finding::PolicyUnreadable { policy, .. }) => {
            format!("hemvist-models.{}", policy.replace('/', "."))
        }
        (None, _) => "hemvist-models".to_owned(),
    };
    Reported {
        kind: format!("model: {}", kind_of_model(violation)),
        code: Some(violation.finding.rule().code),
        policy,
        message: Wanted::Exactly(
            same_thing(violation, model).iter().map(|one| one.message().trim().to_owned()).collect(),
        ),
    }
}

fn kind_of_model(violation: &Violation) -> String {
    if let Some(rule) = &violation.rule {
        return any_class(&rule.field);
    }
    match &violation.finding {
        Finding::NoPolicy { .. } => "no policy".to_owned(),
        Finding::UngovernedNamespace => "not governed".to_owned(),
        Finding::RiskClassUnacceptable => "unacceptable".to_owned(),
        Finding::ListNotStated { policy_field, .. } => format!("not stated: {policy_field}"),
        Finding::ArgumentNotStated { .. } => "not stated: arguments".to_owned(),
        Finding::ArgumentReserved { .. } => "reserved argument".to_owned(),
        Finding::PolicyUnreadable { .. } => "unreadable".to_owned(),
        other => format!("unheard of: {other:?}"),
    }
}

/// The violation, and the same by another field of the policy: of the list for all classes and the list for one, the core
/// names the one with which nothing is left, in the order of their names, and the API server has an order of its own.
fn same_thing(violation: &Violation, model: &ModelDeploymentSpec) -> Vec<Violation> {
    let mut same = vec![violation.clone()];
    if let (Finding::NothingLeft { list: AllowList::DataCentres }, Some(rule)) =
        (&violation.finding, &violation.rule)
    {
        let class = model.purpose.information_class;
        let fields = [
            "spec.residency.dataCentres".to_owned(),
            format!("spec.informationClasses[class={class}].dataCentres"),
        ];
        same.extend(fields.map(|field| Violation {
            rule: Some(RuleSource { field, ..rule.clone() }),
            ..violation.clone()
        }));
    }
    same
}

fn any_class(field: &str) -> String {
    match (field.split_once('['), field.split_once(']')) {
        (Some((before, _)), Some((_, after))) => format!("{before}[]{after}"),
        _ => field.to_owned(),
    }
}

/// What is expected for a new pod.
pub fn expected_of_pod(
    book: &PolicyBook,
    settings: &Settings,
    user: &str,
    object: &Value,
) -> Result<Expected, serde_json::Error> {
    let pod: Pod = serde_json::from_value(without_nulls(object.clone()))?;
    let findings = judge_new_pod(book, settings, user, &pod);
    let reasons = findings.iter().map(reported_of_pod).collect();
    Ok(Expected { refused: !findings.is_empty(), reasons, ..Expected::default() })
}

fn reported_of_pod(finding: &PodFinding) -> Reported {
    let (kind, policy, words) = match &finding.rule {
        None => (finding.field.to_owned(), "hemvist-pods".to_owned(), String::new()),
        Some((key, field)) => {
            let (kind, words) = if field.is_empty() {
                let words = format!("AIPolicy {key} may apply to this namespace and cannot be read");
                ("unreadable".to_owned(), words)
            } else {
                (any_class(field), format!("AIPolicy {key} ({field})"))
            };
            (kind, format!("hemvist-pods.{}.{}", key.namespace, key.name), words)
        }
    };
    let message = Wanted::Has { begins: format!("{}: ", finding.field), words };
    Reported { kind: format!("pod: {kind}"), code: None, policy, message }
}

/// What a comparison comes to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The object was never judged.
    NotJudged,
    /// Both admit it, with so many warnings.
    BothAdmit(usize),
    /// Both refuse it, for this rule and in the same words.
    BothRefuse(Box<Reported>),
    /// They differ, and how.
    Differ(String),
}

/// Compares what was expected with what was said.
pub fn compare(expected: &Expected, answer: &Answer) -> Outcome {
    let differ = |how: &str| Outcome::Differ(how.to_owned());
    match answer {
        Answer::Invalid(_) => Outcome::NotJudged,
        _ if expected.unreadable.is_some() => differ("the core cannot read what the API server takes"),
        Answer::Other(..) => differ("the answer is neither yes nor a refusal by a policy"),
        Answer::Admitted(_) if expected.refused => differ("ADMITTED, and the reference refuses"),
        Answer::Refused { .. } if !expected.refused => differ("REFUSED, and the reference admits"),
        Answer::Refused { policy, message } => {
            match expected.reasons.iter().find(|reported| reported.is(policy, message)) {
                Some(reported) => Outcome::BothRefuse(Box::new(reported.clone())),
                None => differ("both refuse, and what is said is none of what the reference says"),
            }
        }
        Answer::Admitted(warnings) => compare_warnings(&expected.warnings, warnings),
    }
}

fn compare_warnings(expected: &[Reported], said: &[(String, String)]) -> Outcome {
    // A policy reports the first of what it finds.
    let named = |reported: &Reported| said.iter().any(|(policy, _)| reported.policy == *policy);
    let length: usize = said.iter().map(|(policy, message)| 2 * policy.len() + message.len() + 60).sum();
    if expected.is_empty() != said.is_empty() {
        return Outcome::Differ(format!("{} warnings, and the reference has {}", said.len(), expected.len()));
    }
    // Many or long warnings are shortened on their way.
    if length < MOST_WARNINGS {
        if !expected.iter().all(named) {
            return Outcome::Differ("a policy that the reference finds broken does not warn".to_owned());
        }
        let known = |(policy, message): &(String, String)| {
            expected.iter().any(|reported| reported.is(policy, message))
        };
        if !said.iter().all(known) {
            return Outcome::Differ("a warning is none of the reference's findings".to_owned());
        }
    }
    Outcome::BothAdmit(said.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_read_without_its_quotes() {
        assert_eq!(unquoted(r#"299 - "a \"b\" \\ c""#), r#"a "b" \ c"#);
        assert_eq!(unquoted("plain"), "plain");
    }
}
