//! ModelDeployments, judged by what each policy says alone: the part of the judgement that needs neither the clock nor
//! other policies.

use hemvist_api::model_deployment::EngineArgument;
use hemvist_api::{ModelDeployment, ModelDeploymentSpec};
use k8s_openapi::jiff::civil::Date;

use crate::policy::{EffectivePolicy, binds};
use crate::request::{partition_isolation, refused_argument, unlisted_argument};
use crate::rules::Found;
use crate::snapshot::PolicyBook;
use crate::snapshot::Settings;
use crate::violation::{Finding, Violation};

/// Everything for which the creation of a ModelDeployment in `namespace` would be refused by the API server; nothing where
/// it would be admitted. What the controller finds beyond it is that an assessment has ended, that the lists of several
/// policies have nothing in common, and what cannot be carried out.
pub fn judge_new_model(
    book: &PolicyBook,
    settings: &Settings,
    namespace: &str,
    model: &ModelDeployment,
    today: Date,
) -> Vec<Violation> {
    let together = EffectivePolicy::for_namespace(book, settings, namespace);
    let mut violations: Vec<Violation> =
        together.check(model, today).into_iter().filter(|violation| violation.rule.is_none()).collect();
    let spec = &model.spec;
    if !together.lists_arguments() {
        let given = spec.engine.args.iter().flatten();
        let root = &settings.root_namespace;
        violations.extend(given.filter_map(|one| unlisted_argument(spec.engine.type_, &one.name, root)));
    }
    for (key, entry) in &book.entries {
        if !binds(settings, key, entry, namespace) {
            continue;
        }
        let alone = EffectivePolicy::of_entry(settings, key, entry, namespace).excepted_as(&together);
        let stated = alone.check_every_field(model, today).into_iter();
        let found = stated.filter(|violation| violation.rule.is_some() && is_compiled(violation));
        violations.extend(found.map(by_one_policy));
        violations.extend(partition_isolation(spec, &alone));
        violations.extend(arguments(&alone, spec));
    }
    violations.sort();
    violations.dedup();
    violations
}

/// Whether the API server can find it, by the mark of its rule.
fn is_compiled(violation: &Violation) -> bool {
    violation.finding.rule().found == Found::Everywhere
}

/// The violation as it is known without the other policies.
fn by_one_policy(violation: Violation) -> Violation {
    let finding = match violation.finding {
        Finding::NotInList { list, value, listed, .. } => {
            Finding::NotInList { list, value, allowed: listed.0.clone(), listed }
        }
        other => other,
    };
    Violation { finding, ..violation }
}

/// Arguments that are neither the engine's own nor in a list of `policy`.
fn arguments(policy: &EffectivePolicy, model: &ModelDeploymentSpec) -> Vec<Violation> {
    let engine = model.engine.type_;
    let of_lists = |argument: &EngineArgument| {
        let lists = policy.argument_lists().into_iter();
        let refused = lists.filter_map(|(rule, list)| refused_argument(engine, &argument.name, rule, list));
        refused.collect::<Vec<_>>()
    };
    model.engine.args.iter().flatten().flat_map(of_lists).collect()
}
