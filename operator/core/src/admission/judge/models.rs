//! ModelDeployments, judged by what each policy says alone: the part of the judgement that needs neither the clock nor
//! other policies.

use hemvist_api::{ModelDeployment, ModelDeploymentSpec};
use k8s_openapi::jiff::civil::Date;

use crate::engine::{ArgumentVerdict, allowed_argument};
use crate::policy::{EffectivePolicy, binds};
use crate::request::partition_isolation;
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
    violations.extend(arguments(&together, spec, !together.lists_arguments()));
    for (key, entry) in &book.entries {
        if !binds(settings, key, entry, namespace) {
            continue;
        }
        let alone = EffectivePolicy::of_entry(settings, key, entry, namespace).excepted_as(&together);
        let stated = alone.check(model, today).into_iter();
        violations.extend(stated.filter(|violation| violation.rule.is_some() && !needs_clock(violation)));
        violations.extend(partition_isolation(spec, &alone));
        violations.extend(arguments(&alone, spec, false));
    }
    violations.sort();
    violations.dedup();
    violations
}

/// Whether only the controller can find it, because it depends on the day.
const fn needs_clock(violation: &Violation) -> bool {
    matches!(
        violation.finding,
        Finding::AssessmentExpired { .. }
            | Finding::AssessmentTooOld { .. }
            | Finding::AssessmentDateInvalid { .. }
    )
}

/// Arguments that are neither the engine's own nor in a list of `policy`; where it has no list, those that are not the
/// engine's own if `silent`, and none otherwise.
fn arguments(policy: &EffectivePolicy, model: &ModelDeploymentSpec, silent: bool) -> Vec<Violation> {
    let engine = model.engine.type_;
    let lists = policy.argument_lists();
    let refused = |name: &str, allowed: bool| match allowed_argument(engine, name, None) {
        ArgumentVerdict::Allowed | ArgumentVerdict::BadValue { .. } => false,
        ArgumentVerdict::Unknown => !allowed,
        ArgumentVerdict::Reserved => true,
    };
    let mut violations = Vec::new();
    for argument in model.engine.args.iter().flatten() {
        let field = format!("spec.engine.args[name={}]", argument.name);
        let finding =
            Finding::ArgumentNotAllowed { argument: argument.name.clone(), engine: engine.to_string() };
        for (rule, list) in &lists {
            if !silent && refused(&argument.name, list.contains(&argument.name)) {
                violations.push(Violation::of_rule(field.clone(), finding.clone(), (*rule).clone()));
            }
        }
        if silent && refused(&argument.name, false) {
            violations.push(Violation::plain(field, finding));
        }
    }
    violations
}
