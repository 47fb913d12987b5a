//! A compiled policy, and the objects of the API server that it becomes.

use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MatchResources, NamedRuleWithOperations, ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicyBindingSpec, ValidatingAdmissionPolicySpec,
    Validation, Variable,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};

use hemvist_api::labels::{
    APP_COMPONENT, APP_MANAGED_BY, APP_NAME, APP_PART_OF, COMPILED_FROM, COMPILED_GENERATION, HEMVIST,
};
use hemvist_api::values::Enforcement;

use super::cel::{Expr, all, any, text};
use super::hoist::hoisted;
use super::inline::inlined;
use super::message::Message;
use super::probe;
use super::scope::Scope;
use crate::snapshot::Key;

/// The value of the component label of everything that is compiled.
pub const COMPONENT: &str = "admission";

/// The label of a namespace with its own name, which the API server sets and nobody can change.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// The longest match condition, in characters: of an expression the API server takes 100,000.
const LONGEST_CONDITION: usize = 90_000;

/// The name of the match condition.
const BREAKS: &str = "breaks-a-rule";

/// A ValidatingAdmissionPolicy with its bindings, before it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// Its name.
    pub name: String,
    /// The AIPolicy that it carries out and its generation; `None` for what is always there.
    pub author: Option<(Key, i64)>,
    /// What is asked of the API server that it judges.
    pub match_rules: Vec<MatchRule>,
    /// The namespaces whose objects it judges. Objects that have no namespace are judged always.
    pub namespaces: Scope,
    /// Rules to which there is no exemption. They are reported first.
    pub without_exemption: Vec<Rule>,
    /// Requests to which the other rules do not apply: those of which one of these holds.
    pub exempt: Vec<Expr>,
    /// Values that several rules use, in order; a later one can use an earlier one. Each is looked at once, and only where
    /// it is used.
    pub variables: Vec<(&'static str, Expr)>,
    /// The rules, in the order in which they are reported.
    pub rules: Vec<Rule>,
    /// Whether it can be tried with a probe.
    pub probed: bool,
    /// What a violation results in, and where.
    pub actions: Vec<(Enforcement, Scope)>,
}

/// How the rules and messages of a policy are written.
struct Judgement {
    /// Whether a rule is broken, where that can be a match condition.
    condition: Option<MatchCondition>,
    /// Long lists, as variables.
    lists: Vec<(&'static str, Expr)>,
    /// What is refused, and what is said.
    validation: Validation,
}

/// A kind of request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MatchRule {
    /// The group of the API; empty for the core.
    pub group: &'static str,
    /// Resources, and sub-resources as `pods/exec`. Never a wildcard: a new resource has to be reviewed.
    pub resources: &'static [&'static str],
    /// `CREATE`, `UPDATE`, `DELETE`, `CONNECT`.
    pub operations: &'static [&'static str],
}

/// What has to hold, and what is said where it does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What has to hold.
    pub holds: Expr,
    /// What is said.
    pub message: Message,
    /// Whether a breach of it breaks a later rule too, which is looked at in its stead: this one only has the words.
    pub only_explains: bool,
}

impl Rule {
    /// A rule with its message.
    pub const fn new(holds: Expr, message: Message) -> Self {
        Self { holds, message, only_explains: false }
    }

    /// The same rule for its words alone.
    #[must_use]
    pub fn only_explaining(self) -> Self {
        Self { only_explains: true, ..self }
    }
}

impl Compiled {
    /// The policy as the API server takes it. Every field that it would fill in is written out, so that what is read back
    /// equals what was written.
    pub fn policy(&self) -> ValidatingAdmissionPolicy {
        let variable = |(name, value): &(&str, Expr)| Variable {
            name: (*name).to_owned(),
            expression: value.to_string(),
        };
        let judgement = self.judgement();
        // A list is looked at by what comes after it.
        let variables: Vec<_> = judgement.lists.into_iter().chain(self.variables.clone()).collect();
        ValidatingAdmissionPolicy {
            metadata: self.metadata(&self.name),
            spec: Some(ValidatingAdmissionPolicySpec {
                failure_policy: Some("Fail".to_owned()),
                match_constraints: Some(MatchResources {
                    resource_rules: Some(self.match_rules.iter().map(MatchRule::rule).collect()),
                    ..selection(&Scope::everywhere())
                }),
                match_conditions: judgement.condition.map(|condition| vec![condition]),
                variables: Some(variables.iter().map(variable).collect())
                    .filter(|all: &Vec<_>| !all.is_empty()),
                validations: Some(vec![judgement.validation]),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    /// All rules in one expression, and their messages in another: the API server takes longer to begin with an expression
    /// than to judge most rules. It would evaluate the messages of what is allowed too, and with them every rule again. So
    /// whether a rule is broken is asked in a match condition, and only what breaks one gets as far as the messages. A match
    /// condition knows no variables; where it grows too long without them, the rules stand in the validation.
    fn judgement(&self) -> Judgement {
        let holds = self.holds();
        let broken = inlined(!holds.clone(), &self.variables).to_string();
        let fits = broken.len() <= LONGEST_CONDITION;
        let (lists, [holds, message]) =
            hoisted([if fits { Expr::Bool(false) } else { holds }, self.message()]);
        let author =
            self.author.as_ref().map_or_else(|| "Hemvist".to_owned(), |(key, _)| format!("AIPolicy {key}"));
        Judgement {
            condition: fits.then(|| MatchCondition { name: BREAKS.to_owned(), expression: broken }),
            lists,
            validation: Validation {
                expression: holds.to_string(),
                message: Some(format!("refused by {author}; its message could not be built.")),
                message_expression: Some(message.to_string()),
                reason: Some("Forbidden".to_owned()),
            },
        }
    }

    /// Whether a request is allowed: it breaks no rule, or none but such as it is exempt from. What is allowed is mostly found
    /// with the rules alone; only of what breaks one is it asked whether it is exempt.
    fn holds(&self) -> Expr {
        let hold = |rules: &[Rule]| {
            all(rules.iter().filter(|rule| !rule.only_explains).map(|rule| rule.holds.clone()))
        };
        let allowed = any(std::iter::once(hold(&self.rules)).chain(self.exempt.clone()));
        if !self.probed {
            return all([hold(&self.without_exemption), allowed]);
        }
        all([!self.is_probe(), hold(&self.without_exemption), any([allowed, probe::is_of_another()])])
    }

    /// What is said of a request that is refused: the message of the first rule that it breaks.
    fn message(&self) -> Expr {
        let rules = self.without_exemption.iter().chain(&self.rules);
        let mut refused: Vec<_> =
            rules.map(|rule| (!rule.holds.clone(), rule.message.expression())).collect();
        if self.probed {
            refused.insert(0, (self.is_probe(), text(self.probe_answer())));
        }
        let (_, last) = refused.pop().unwrap_or((Expr::Bool(true), text("refused")));
        let chain = refused.into_iter().rev();
        chain.fold(last, |otherwise, (refused, message)| refused.choose(message, otherwise))
    }

    /// Whether the request is the probe of this policy.
    fn is_probe(&self) -> Expr {
        probe::named().equals(text(&self.name))
    }

    /// The bindings that put the policy into force. The namespaces stand here and not in the policy itself: the API server
    /// looks at them before it looks at the kind of the object, and reads them again for every request.
    pub fn bindings(&self) -> Vec<ValidatingAdmissionPolicyBinding> {
        let binding = |(enforcement, scope): (Enforcement, Scope)| {
            let name = match enforcement {
                Enforcement::Deny => self.name.clone(),
                other => format!("{}.{}", self.name, other.as_str().to_ascii_lowercase()),
            };
            ValidatingAdmissionPolicyBinding {
                metadata: self.metadata(&name),
                spec: Some(ValidatingAdmissionPolicyBindingSpec {
                    policy_name: Some(self.name.clone()),
                    validation_actions: Some(actions(enforcement)),
                    match_resources: (scope != Scope::everywhere()).then(|| selection(&scope)),
                    ..Default::default()
                }),
            }
        };
        let judged = |(enforcement, scope): &(Enforcement, Scope)| {
            (*enforcement, scope.intersection(&self.namespaces))
        };
        self.actions.iter().map(judged).filter(|(_, scope)| !scope.is_nowhere()).map(binding).collect()
    }

    fn metadata(&self, name: &str) -> ObjectMeta {
        let labels = [
            (APP_NAME, "hemvist-admission"),
            (APP_COMPONENT, COMPONENT),
            (APP_PART_OF, HEMVIST),
            (APP_MANAGED_BY, HEMVIST),
        ];
        let annotations = self.author.iter().flat_map(|(key, generation)| {
            [(COMPILED_FROM, key.to_string()), (COMPILED_GENERATION, generation.to_string())]
        });
        let annotations = annotations.map(|(key, value)| (key.to_owned(), value)).collect();
        ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            annotations: Some(annotations).filter(|all: &std::collections::BTreeMap<_, _>| !all.is_empty()),
            ..Default::default()
        }
    }
}

impl MatchRule {
    fn rule(&self) -> NamedRuleWithOperations {
        let owned = |values: &[&str]| Some(values.iter().map(|value| (*value).to_owned()).collect());
        NamedRuleWithOperations {
            api_groups: owned(&[self.group]),
            // Every version that is served, now and later, is the same object by another name.
            api_versions: owned(&["*"]),
            resources: owned(self.resources),
            operations: owned(self.operations),
            scope: Some("*".to_owned()),
            ..Default::default()
        }
    }
}

/// The auditor sees of a refusal which rules refused, and not only the first one.
fn actions(enforcement: Enforcement) -> Vec<String> {
    let actions: &[&str] = match enforcement {
        Enforcement::Deny => &["Deny", "Audit"],
        Enforcement::Warn => &["Warn", "Audit"],
        Enforcement::Audit => &["Audit"],
    };
    actions.iter().map(|action| (*action).to_owned()).collect()
}

fn selection(namespaces: &Scope) -> MatchResources {
    let by_name = |operator: &str, names: &std::collections::BTreeSet<String>| LabelSelector {
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: NAMESPACE_NAME.to_owned(),
            operator: operator.to_owned(),
            values: Some(names.iter().cloned().collect()),
        }]),
        ..Default::default()
    };
    let namespaces = match namespaces {
        Scope::Only(names) => by_name("In", names),
        Scope::AllBut(names) if !names.is_empty() => by_name("NotIn", names),
        Scope::AllBut(_) => LabelSelector::default(),
    };
    MatchResources {
        match_policy: Some("Exact".to_owned()),
        namespace_selector: Some(namespaces),
        object_selector: Some(LabelSelector::default()),
        ..Default::default()
    }
}
