//! Whether a model may be carried out, by the policies that bind it and by what it asks for. No node is looked at.

use hemvist_api::ModelDeployment;
use hemvist_api::model_deployment::{ExceptionUse, PolicyUse};
use hemvist_api::values::Enforcement;

use crate::date;
use crate::policy::{DutyStanding, EffectivePolicy};
use crate::request::{ModelRequest, validate};
use crate::snapshot::Snapshot;
use crate::violation::Violation;

/// Whether a model may be carried out.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// The model, with everything filled in that was left out; `None` where it may not be carried out.
    pub request: Option<ModelRequest>,
    /// Everything that was found wrong, in stable order. Of an accepted model: what would be refused if the policies denied
    /// and did not only warn.
    pub violations: Vec<Violation>,
    /// How its duties stand.
    pub duties: DutyStanding,
    /// The policies that set its limits.
    pub policies: Vec<PolicyUse>,
    /// The exceptions that hold for it.
    pub exceptions: Vec<ExceptionUse>,
}

/// Judges a model by `policy`, which is that of its namespace. `runs` says whether its replicas have been made: a duty that has
/// lapsed may let a running model run on.
pub fn accept(
    snapshot: &Snapshot,
    policy: &EffectivePolicy,
    model: &ModelDeployment,
    runs: bool,
) -> Acceptance {
    let purpose = &model.spec.purpose;
    let today = date::today(&snapshot.now);
    let mut violations = policy.check(model, today);
    let validated = validate(model, policy, &snapshot.settings, &snapshot.served);
    let validated = validated.map_err(|faults| violations.extend(faults)).ok();
    violations.sort();
    violations.dedup();

    let denies = policy.enforcement() == Enforcement::Deny;
    let duties = policy.duties(model, runs, today);
    // Duties are judged together above: one that has lapsed may let a running model run on.
    let refuses = |violation: &Violation| {
        violation.is_absolute() || (denies && if violation.is_duty() { duties.refuses } else { true })
    };
    Acceptance {
        request: validated.filter(|_| !violations.iter().any(refuses)),
        policies: policy.uses(purpose.information_class, purpose.risk_class),
        exceptions: policy.exceptions(model.metadata.name.as_deref().unwrap_or_default(), today),
        violations,
        duties,
    }
}
