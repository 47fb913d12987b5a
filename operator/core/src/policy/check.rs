//! Checks a model against the effective policy.

use std::collections::BTreeSet;

use hemvist_api::model_deployment::{Model, ModelSource, Purpose};
use hemvist_api::values::{Digest, RiskClass};
use hemvist_api::{ModelDeployment, ModelDeploymentSpec};
use k8s_openapi::jiff::civil::Date;

use super::image::Repository;
use super::licence::Expression;
use super::limit::{Limits, Statement};
use super::unmet::unmet;
use super::{EffectivePolicy, image, licence};
use crate::rules::Listed;
use crate::violation::{AllowList, Finding, RuleSource, Violation};

const INFORMATION_CLASS: &str = "spec.purpose.informationClass";

/// What nobody can change in the model: the installation sets the image.
const PROXY_IMAGE: &str = "proxy.image of the installation";

/// Everything in `model` that `policy` does not allow, in stable order and without doubles.
pub(super) fn check(policy: &EffectivePolicy, whole: &ModelDeployment, today: Date) -> Vec<Violation> {
    without_doubles(every(policy, whole, today))
}

/// The same with what one policy says by several of its fields.
pub(super) fn every(policy: &EffectivePolicy, whole: &ModelDeployment, today: Date) -> Vec<Violation> {
    let model = &whole.spec;
    let name = whole.metadata.name.as_deref().unwrap_or_default();
    let mut refusals = Refusals { policy, violations: Vec::new() };
    refusals.check_binding();
    refusals.check_classes(&model.purpose);
    // Nothing that stands in the model could help in a namespace that is not governed.
    if !policy.ungoverned {
        refusals.check_residency(model);
        let unmet = unmet(policy, name, &model.purpose, today);
        refusals.violations.extend(unmet.into_iter().map(|unmet| unmet.violation));
        refusals.check_weights(&model.model);
        for (field, reference) in images(model) {
            refusals.check_image(&field, &reference);
        }
        if let Some(image) = &policy.proxy_image {
            refusals.check_image(PROXY_IMAGE, image);
        }
        let engine = model.engine.type_;
        refusals.check_listed("spec.engine.type", AllowList::Engines, &policy.engines, &engine);
    }
    refusals.violations
}

/// The violations in order. Where a policy says the same by several of its fields, once is enough.
fn without_doubles(mut violations: Vec<Violation>) -> Vec<Violation> {
    violations.sort();
    violations.dedup_by(|later, earlier| {
        let author = |rule: &Option<RuleSource>| {
            rule.as_ref().map(|source| (source.namespace.clone(), source.name.clone()))
        };
        later.field == earlier.field
            && later.finding == earlier.finding
            && author(&later.rule) == author(&earlier.rule)
    });
    violations
}

/// The refusals that were found so far.
struct Refusals<'a> {
    policy: &'a EffectivePolicy,
    violations: Vec<Violation>,
}

/// How a value is judged by the lists that speak of it.
struct Judged {
    list: AllowList,
    value: String,
    /// What all lists together allow.
    allowed: Vec<String>,
}

impl Refusals<'_> {
    fn check_binding(&mut self) {
        let field = "metadata.namespace";
        if self.policy.ungoverned {
            self.violations.push(Violation::plain(field, Finding::UngovernedNamespace));
            return;
        }
        for (key, error) in &self.policy.unreadable {
            let error = error.trim_end_matches('.').to_owned();
            let finding = Finding::PolicyUnreadable { policy: key.to_string(), error };
            self.violations.push(Violation::plain(field, finding));
        }
        // A policy that cannot be read may well bind, so only its reading shows whether one is missing.
        if self.policy.roots.is_empty() && self.policy.unreadable.is_empty() {
            let root_namespace = self.policy.root_namespace.clone();
            self.violations.push(Violation::plain(field, Finding::NoPolicy { root_namespace }));
        }
    }

    fn check_classes(&mut self, purpose: &Purpose) {
        let policy = self.policy;
        if purpose.risk_class == RiskClass::Unacceptable {
            self.violations.push(Violation::plain("spec.purpose.riskClass", Finding::RiskClassUnacceptable));
        }
        if policy.ungoverned {
            return;
        }
        if purpose.risk_class != RiskClass::Unacceptable {
            let risk = purpose.risk_class;
            self.check_listed("spec.purpose.riskClass", AllowList::RiskClasses, &policy.risk_classes, &risk);
        }
        let class = purpose.information_class;
        self.check_listed(
            INFORMATION_CLASS,
            AllowList::InformationClasses,
            &policy.information_classes,
            &class,
        );
    }

    fn check_residency(&mut self, model: &ModelDeploymentSpec) {
        let limits: Limits<String> =
            self.policy.data_centre_limits(model.purpose.information_class).cloned().collect();
        let asked = model.placement.as_ref().and_then(|placement| placement.data_centres.as_deref());
        let field = if asked.is_some() { "spec.placement.dataCentres" } else { INFORMATION_CLASS };
        if let Some(asked) = asked.filter(|asked| !asked.is_empty()) {
            for data_centre in asked {
                self.check_listed(field, AllowList::DataCentres, &limits, &data_centre.to_string());
            }
        } else {
            self.require_stated(field, AllowList::DataCentres, &limits);
            let asked_for_none = asked.and_then(|_| limits.iter().next().map(|limit| &limit.source));
            self.require_rest(field, AllowList::DataCentres, asked_for_none.or(limits.exhausted_by()));
        }
        self.require_rest(INFORMATION_CLASS, AllowList::Regions, self.policy.regions.exhausted_by());
    }

    fn check_weights(&mut self, model: &Model) {
        let policy = self.policy;
        self.check_licence(model.licence.as_str());
        self.check_listed("spec.model.format", AllowList::Formats, &policy.formats, &model.format);
        for field in weights_without_digest(model) {
            self.require_digest(&field, &policy.weights_digest);
        }
    }

    fn check_licence(&mut self, text: &str) {
        let limits = &self.policy.licences;
        let expression = Expression::parse(text);
        let allowed_by = |suffices: &dyn Fn(&str) -> bool| {
            expression.as_ref().is_some_and(|expression| expression.is_allowed(&|one: &str| suffices(one)))
        };
        // A choice such as `MIT OR Apache-2.0` has to be made once for all policies, not by each policy again.
        let everywhere = |one: &str| limits.iter().all(|limit| licence::listed(&limit.value, one));
        let refused_together = !allowed_by(&everywhere);
        let refuses = |limit: &BTreeSet<String>| !allowed_by(&|one| licence::listed(limit, one));
        let refused_by_one = limits.iter().any(|limit| refuses(&limit.value));
        let judged = Judged {
            list: AllowList::Licences,
            value: text.to_owned(),
            allowed: limits.covered(|list, one| licence::listed(list, one)).into_iter().collect(),
        };
        self.judge("spec.model.licence", limits, judged, |limit| {
            refuses(limit) || (refused_together && !refused_by_one)
        });
    }

    fn check_image(&mut self, field: &str, reference: &str) {
        let limits = &self.policy.registries;
        let repository = Repository::of_reference(reference);
        let value = format!("of {reference}");
        let allowed = limits.covered(|list, entry| image::entry_listed(list, entry)).into_iter().collect();
        self.judge(field, limits, Judged { list: AllowList::Registries, value, allowed }, |limit| {
            !repository.as_ref().is_some_and(|repository| image::listed(limit, repository))
        });
        if !image::has_digest(reference) {
            self.require_digest(field, &self.policy.image_digest);
        }
    }

    /// Checks that every list holds `value`.
    fn check_listed<T>(&mut self, field: &str, list: AllowList, limits: &Limits<T>, value: &T)
    where
        T: Clone + Ord + ToString,
    {
        let allowed = limits.intersection().iter().map(ToString::to_string).collect();
        let judged = Judged { list, value: value.to_string(), allowed };
        self.judge(field, limits, judged, |limit| !limit.contains(value));
    }

    /// Notes each policy whose list refuses, and whether the list is stated at all.
    fn judge<T: Clone + Ord + ToString>(
        &mut self,
        field: &str,
        limits: &Limits<T>,
        judged: Judged,
        refuses: impl Fn(&BTreeSet<T>) -> bool,
    ) {
        self.require_stated(field, judged.list, limits);
        let Judged { list, value, allowed } = judged;
        let allowed = if limits.stated_by_root() { allowed } else { Vec::new() };
        for limit in limits.iter().filter(|limit| refuses(&limit.value)) {
            let listed = Listed(limit.value.iter().map(ToString::to_string).collect());
            let finding = Finding::NotInList { list, value: value.clone(), allowed: allowed.clone(), listed };
            self.violations.push(Violation::of_rule(field, finding, limit.source.clone()));
        }
    }

    /// Notes a list that no policy of the root namespace states. Where no policy binds, or one cannot be read, that has
    /// been said already, and more would only hide it.
    fn require_stated<T: Clone + Ord>(&mut self, field: &str, list: AllowList, limits: &Limits<T>) {
        if self.policy.is_bound() && !limits.stated_by_root() {
            let policy_field = list.policy_field().to_owned();
            let root_namespace = self.policy.root_namespace.clone();
            let finding = Finding::ListNotStated { list, policy_field, root_namespace };
            self.violations.push(Violation::plain(field, finding));
        }
    }

    fn require_rest(&mut self, field: &str, list: AllowList, exhausted_by: Option<&RuleSource>) {
        if let Some(rule) = exhausted_by {
            self.violations.push(Violation::of_rule(field, Finding::NothingLeft { list }, rule.clone()));
        }
    }

    fn require_digest(&mut self, field: &str, demands: &BTreeSet<Statement<()>>) {
        for demand in demands {
            self.violations.push(Violation::of_rule(field, Finding::DigestMissing, demand.source.clone()));
        }
    }
}

/// Every image that the model names, with its field.
fn images(model: &ModelDeploymentSpec) -> Vec<(String, String)> {
    let mut images = vec![("spec.engine.image".to_owned(), model.engine.image.as_str().to_owned())];
    for (path, source, _) in sources(&model.model) {
        if let Some(image) = &source.image {
            images.push((format!("{path}.source.image.reference"), image.reference.as_str().to_owned()));
        }
    }
    images
}

/// The weights of the model and of its adapters, each with its field and its digest.
fn sources(model: &Model) -> Vec<(String, ModelSource, Option<&Digest>)> {
    let mut sources = vec![("spec.model".to_owned(), model.source.clone(), model.digest.as_ref())];
    sources.extend(model.adapters.iter().flatten().map(|adapter| {
        let source = ModelSource::from(&adapter.source);
        (format!("spec.model.adapters[name={}]", adapter.name), source, adapter.digest.as_ref())
    }));
    sources
}

/// Where a digest would have to stand for weights that have none. An image can carry its own.
fn weights_without_digest(model: &Model) -> Vec<String> {
    sources(model)
        .into_iter()
        .filter(|(_, _, digest)| !digest.is_some_and(|digest| image::is_digest(digest.as_str())))
        .filter_map(|(path, source, _)| {
            let only_image = source.persistent_volume_claim.is_none() && source.mirror.is_none();
            match source.image.as_ref().filter(|_| only_image) {
                Some(image) if image::has_digest(image.reference.as_str()) => None,
                Some(_) => Some(format!("{path}.source.image.reference")),
                None => Some(format!("{path}.digest")),
            }
        })
        .collect()
}
