//! The effective policy: what all AIPolicies that apply to a namespace allow together.
//!
//! It is a conjunction of statements, each with the place where it stands. The statements are kept side by side and
//! never merged into one value, so the meet of two policies is the union of their statements: commutative, associative
//! and idempotent by construction, and every refusal knows its rule.
//!
//! A list that no policy of the root namespace states allows nothing. A policy elsewhere can only take away.

mod bind;
mod calendar;
mod check;
mod clearance;
mod consumption;
pub(crate) mod duties;
mod exception;
mod expiry;
#[cfg(test)]
pub(crate) mod fixture;
mod image;
mod licence;
mod limit;
mod loosening;
#[cfg(test)]
mod tests;
mod unmet;

use std::collections::{BTreeMap, BTreeSet};

use hemvist_api::ai_policy::FieldWithoutEffect;
use hemvist_api::model_deployment::{ExceptionUse, PolicyUse};
use hemvist_api::values::{
    DataCentre, Decimal, Enforcement, EngineType, InformationClass, Isolation, ModelFormat, RiskClass,
    UnmanagedAccelerators,
};
use hemvist_api::{AIPolicySpec, ModelDeployment};
use k8s_openapi::jiff::civil::Date;

pub use bind::binds;
pub(crate) use bind::{stated_duties, stated_enforcement};
pub use calendar::next_change;
pub use clearance::Clearance;
pub use exception::{ActiveException, Waiver, active_exceptions, excepted_models};
pub use expiry::{DutyStanding, Expiry, Lapse, WARNING_DAYS};
pub(crate) use image::{has_digest as names_image_by_digest, reference_listed as image_is_listed};
pub use loosening::{EXCEPTION_FIELD, ROOT_ONLY_FIELDS};

use crate::snapshot::{Key, PolicyBook, PolicyEntry, Settings};
use crate::violation::{RuleSource, Violation};
use duties::Duty;
use limit::{Limits, Statement};

/// The most policies that are listed as used, and the most fields of each.
const MAX_USES: usize = 32;

/// What all AIPolicies that apply to a namespace allow together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EffectivePolicy {
    root_namespace: String,
    /// The image that the installation puts beside every engine; the policies judge it as any other.
    proxy_image: Option<String>,
    /// Whether the namespace is not governed.
    ungoverned: bool,
    /// The readable policies of the root namespace that bind.
    roots: BTreeSet<Key>,
    /// The policies that may bind and cannot be read, with the reason.
    unreadable: BTreeSet<(Key, String)>,
    enforcement: BTreeSet<Statement<Enforcement>>,
    information_classes: Limits<InformationClass>,
    risk_classes: Limits<RiskClass>,
    regions: Limits<String>,
    data_centres: Limits<String>,
    class_data_centres: BTreeMap<InformationClass, Limits<String>>,
    isolation: BTreeSet<Statement<(InformationClass, Isolation)>>,
    devices_label: BTreeSet<Statement<InformationClass>>,
    duties: BTreeSet<Statement<Duty>>,
    /// Exceptions for models of the namespace, ended ones too.
    exceptions: BTreeSet<ActiveException>,
    on_expiry: BTreeSet<Statement<(InformationClass, Expiry)>>,
    licences: Limits<String>,
    formats: Limits<ModelFormat>,
    weights_digest: BTreeSet<Statement<()>>,
    registries: Limits<String>,
    image_digest: BTreeSet<Statement<()>>,
    engines: Limits<EngineType>,
    args: Limits<String>,
    unmanaged_accelerators: BTreeSet<Statement<UnmanagedAccelerators>>,
    /// Accelerators at the same time.
    quota: BTreeSet<Statement<i32>>,
    /// Energy of a month, in kWh.
    monthly_energy: BTreeSet<Statement<i64>>,
    /// Greenhouse gases of the electricity, in grams of CO2 equivalent per kWh.
    emission_factor: BTreeSet<Statement<i32>>,
    power_usage_effectiveness: BTreeSet<Statement<Decimal>>,
}

impl EffectivePolicy {
    /// The meet of the policies that bind `namespace`.
    pub fn for_namespace(book: &PolicyBook, settings: &Settings, namespace: &str) -> Self {
        Self::meet_of(book.entries.iter(), settings, namespace)
    }

    /// The meet of those policies of the root namespace that bind `namespace`.
    fn of_root(book: &PolicyBook, settings: &Settings, namespace: &str) -> Self {
        let roots = book.entries.iter().filter(|(key, _)| key.namespace == settings.root_namespace);
        Self::meet_of(roots, settings, namespace)
    }

    fn meet_of<'a>(
        entries: impl Iterator<Item = (&'a Key, &'a PolicyEntry)>,
        settings: &Settings,
        namespace: &str,
    ) -> Self {
        let mut nothing_stated = Self::nothing_set(settings);
        nothing_stated.ungoverned = settings.ungoverned_namespaces.contains(namespace);
        entries
            .filter(|(key, entry)| binds(settings, key, entry, namespace))
            .fold(nothing_stated, |meet, (key, entry)| {
                meet.meet(&Self::of_entry(settings, key, entry, namespace))
            })
    }

    /// What two policies allow together: the union of their statements.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let mut class_data_centres = self.class_data_centres.clone();
        for (class, limits) in &other.class_data_centres {
            let both = class_data_centres.get(class).map_or_else(|| limits.clone(), |own| own.meet(limits));
            class_data_centres.insert(*class, both);
        }
        Self {
            // Both come from one installation. Taking the smaller keeps the meet symmetrical whatever is given.
            root_namespace: self.root_namespace.clone().min(other.root_namespace.clone()),
            proxy_image: self.proxy_image.clone().min(other.proxy_image.clone()),
            ungoverned: self.ungoverned || other.ungoverned,
            roots: &self.roots | &other.roots,
            unreadable: &self.unreadable | &other.unreadable,
            enforcement: &self.enforcement | &other.enforcement,
            information_classes: self.information_classes.meet(&other.information_classes),
            risk_classes: self.risk_classes.meet(&other.risk_classes),
            regions: self.regions.meet(&other.regions),
            data_centres: self.data_centres.meet(&other.data_centres),
            class_data_centres,
            isolation: &self.isolation | &other.isolation,
            devices_label: &self.devices_label | &other.devices_label,
            duties: &self.duties | &other.duties,
            exceptions: &self.exceptions | &other.exceptions,
            on_expiry: &self.on_expiry | &other.on_expiry,
            licences: self.licences.meet(&other.licences),
            formats: self.formats.meet(&other.formats),
            weights_digest: &self.weights_digest | &other.weights_digest,
            registries: self.registries.meet(&other.registries),
            image_digest: &self.image_digest | &other.image_digest,
            engines: self.engines.meet(&other.engines),
            args: self.args.meet(&other.args),
            unmanaged_accelerators: &self.unmanaged_accelerators | &other.unmanaged_accelerators,
            quota: &self.quota | &other.quota,
            monthly_energy: &self.monthly_energy | &other.monthly_energy,
            emission_factor: &self.emission_factor | &other.emission_factor,
            power_usage_effectiveness: &self.power_usage_effectiveness | &other.power_usage_effectiveness,
        }
    }

    /// Everything in `model` that the policies do not allow, in stable order and without doubles. Duties that an
    /// exception waives for it today are not among them.
    pub fn check(&self, model: &ModelDeployment, today: Date) -> Vec<Violation> {
        check::check(self, model, today)
    }

    /// The same, with what one policy says by several of its fields.
    pub(crate) fn check_every_field(&self, model: &ModelDeployment, today: Date) -> Vec<Violation> {
        check::every(self, model, today)
    }

    /// How the duties of `model` stand today; `running` says that its replicas have been made.
    pub fn duties(&self, model: &ModelDeployment, running: bool, today: Date) -> DutyStanding {
        expiry::standing(self, model, running, today)
    }

    /// What a lapsed duty does to a running model of `class`: the strictest that a policy states, and at once to stop where
    /// none of the root namespace states it.
    pub fn on_expiry(&self, class: InformationClass) -> Expiry {
        expiry::decisive(self, class).map_or(Expiry::AT_ONCE, |statement| statement.value.1)
    }

    /// The same policy with the exceptions of another: they waive duties of every policy of the root namespace.
    pub(crate) fn excepted_as(self, other: &Self) -> Self {
        Self { exceptions: other.exceptions.clone(), ..self }
    }

    /// The exceptions that hold for the model `name` today, at most 8, by policy.
    pub fn exceptions(&self, name: &str, today: Date) -> Vec<ExceptionUse> {
        exception::uses(&self.exceptions, name, today)
    }

    /// What a violation results in: the strictest that a policy states, `Deny` where none of the root namespace states
    /// it. A policy elsewhere that states less would loosen that, so it cannot.
    pub fn enforcement(&self) -> Enforcement {
        let root = self.enforcement.iter().any(|statement| statement.from_root);
        let strictest = self.enforcement.iter().map(|statement| statement.value).max();
        strictest.filter(|_| root && self.is_bound()).unwrap_or(Enforcement::Deny)
    }

    /// Where a model of `class` may be, narrowed to the data centres that it requests.
    pub fn clearance(&self, class: InformationClass, asked: Option<&[DataCentre]>) -> Clearance {
        clearance::clearance(self, class, asked)
    }

    /// Whether nodes of models of `class` have to be labelled for whole devices.
    pub fn demands_devices_label(&self, class: InformationClass) -> bool {
        self.devices_label.iter().any(|statement| statement.value == class)
    }

    /// The least isolation of a model of `class`.
    pub fn isolation(&self, class: InformationClass) -> Isolation {
        self.demanded_isolation(class).map_or(Isolation::Shared, |(isolation, _)| isolation)
    }

    /// The least isolation of a model of `class`, and who demands it; `None` where no policy demands any.
    pub(crate) fn demanded_isolation(&self, class: InformationClass) -> Option<(Isolation, &RuleSource)> {
        let demanded = self.isolation.iter().filter(|statement| statement.value.0 == class);
        // Of several that demand the same the first is named.
        let most = demanded.rev().max_by_key(|statement| statement.value.1)?;
        Some((most.value.1, &most.source))
    }

    /// Arguments that every policy that lists arguments allows besides the engine's own.
    pub fn allowed_args(&self) -> BTreeSet<String> {
        if self.is_bound() && self.args.stated_by_root() { self.args.intersection() } else { BTreeSet::new() }
    }

    /// Whether a policy of the root namespace applies to the namespace, readable or not.
    pub(crate) fn binds_anything(&self) -> bool {
        !(self.ungoverned || self.roots.is_empty() && self.unreadable.is_empty())
    }

    /// The root namespace of the installation.
    pub(crate) fn root_namespace(&self) -> &str {
        &self.root_namespace
    }

    /// Whether a policy of the root namespace lists arguments.
    pub(crate) fn lists_arguments(&self) -> bool {
        self.args.stated_by_root()
    }

    /// The lists of arguments, each with its rule.
    pub(crate) fn argument_lists(&self) -> Vec<(&RuleSource, &BTreeSet<String>)> {
        self.args.iter().map(|limit| (&limit.source, &limit.value)).collect()
    }

    /// Which policies set which limits of a model of these classes; at most 32, in order. Duties whose day has not come
    /// are counted, because they are going to be limits of the model.
    pub fn uses(&self, class: InformationClass, risk: RiskClass) -> Vec<PolicyUse> {
        let mut fields: BTreeMap<(&str, &str, i64), BTreeSet<&str>> = BTreeMap::new();
        for source in self.sources(class, risk) {
            let policy = (source.namespace.as_str(), source.name.as_str(), source.generation);
            fields.entry(policy).or_default().insert(&source.field);
        }
        let uses = fields.into_iter().map(|((namespace, name, generation), fields)| PolicyUse {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            generation,
            fields: fields.into_iter().take(MAX_USES).map(str::to_owned).collect(),
        });
        uses.take(MAX_USES).collect()
    }

    /// Where the limits of a model of these classes stand.
    fn sources(&self, class: InformationClass, risk: RiskClass) -> Vec<&RuleSource> {
        let data_centres = self.data_centre_limits(class);
        let mut sources: Vec<&RuleSource> = Vec::new();
        sources.extend(self.information_classes.iter().map(|limit| &limit.source));
        sources.extend(self.risk_classes.iter().map(|limit| &limit.source));
        sources.extend(self.formats.iter().map(|limit| &limit.source));
        sources.extend(self.engines.iter().map(|limit| &limit.source));
        for lists in [&self.regions, &self.licences, &self.registries, &self.args] {
            sources.extend(lists.iter().map(|limit| &limit.source));
        }
        sources.extend(data_centres.map(|limit| &limit.source));
        for demands in [&self.weights_digest, &self.image_digest] {
            sources.extend(demands.iter().map(|demand| &demand.source));
        }
        sources.extend(self.enforcement.iter().map(|statement| &statement.source));
        let isolation = self.isolation.iter().filter(|statement| statement.value.0 == class);
        sources.extend(isolation.map(|statement| &statement.source));
        let labels = self.devices_label.iter().filter(|statement| statement.value == class);
        sources.extend(labels.map(|statement| &statement.source));
        let on_expiry = self.on_expiry.iter().filter(|statement| statement.value.0 == class);
        sources.extend(on_expiry.map(|statement| &statement.source));
        let duties = self.duties.iter().filter(|duty| duty.value.concerns(class, risk));
        sources.extend(duties.map(|duty| &duty.source));
        sources
    }

    /// The lists of data centres for a model of `class`: those of every class and those of its own.
    fn data_centre_limits(
        &self,
        class: InformationClass,
    ) -> impl Iterator<Item = &Statement<BTreeSet<String>>> {
        let of_class = self.class_data_centres.get(&class).into_iter().flat_map(Limits::iter);
        self.data_centres.iter().chain(of_class)
    }

    /// Whether the namespace is governed, a policy of the root namespace binds it, and every policy that may bind it
    /// can be read. Where this does not hold nothing is allowed.
    fn is_bound(&self) -> bool {
        !self.ungoverned && self.unreadable.is_empty() && !self.roots.is_empty()
    }
}

/// Fields of a policy that have no effect: what a local one would loosen, what only the root namespace may say, and
/// exceptions that waive nothing.
pub fn fields_without_effect(book: &PolicyBook, settings: &Settings, key: &Key) -> Vec<FieldWithoutEffect> {
    loosening::fields_without_effect(book, settings, key)
}

/// What the author of a policy should know of its list of licences; for each entry that SPDX does not know, a sentence
/// without its full stop. Nothing of it has an effect on what is allowed.
pub fn licence_advice(spec: &AIPolicySpec) -> Vec<String> {
    let licences = spec.models.iter().flat_map(|models| models.licences.iter().flatten());
    licences.filter_map(|entry| licence::advice(entry.as_str())).collect()
}
