//! Which namespaces an AIPolicy applies to, and what it states there.

use std::collections::{BTreeMap, BTreeSet};

use hemvist_api::ai_policy::InformationClassRule;
use hemvist_api::values::Enforcement;
use hemvist_api::{AIPolicy, AIPolicySpec};

use super::duties::{Duty, Scope, StatedDuties};
use super::exception::stated_exceptions;
use super::expiry::Expiry;
use super::limit::{Limits, Statement};
use super::{EffectivePolicy, PolicyEntry};
use crate::date;
use crate::snapshot::{Key, Settings};
use crate::violation::RuleSource;

/// Whether the policy binds `namespace`, or may bind it where it cannot be read.
///
/// A policy of the root namespace binds every governed namespace, or those that it names. Every other policy binds its
/// own namespace only, whatever it names.
pub fn binds(settings: &Settings, key: &Key, entry: &PolicyEntry, namespace: &str) -> bool {
    if settings.ungoverned_namespaces.contains(namespace) {
        return false;
    }
    if key.namespace != settings.root_namespace {
        return key.namespace == namespace;
    }
    match entry {
        PolicyEntry::Unreadable { .. } => true,
        PolicyEntry::Readable(policy) => {
            let named = policy.spec.namespaces.as_ref();
            named.is_none_or(|names| names.iter().any(|name| name.as_str() == namespace))
        }
    }
}

/// The policy whose statements are read.
struct Author<'a> {
    key: &'a Key,
    generation: i64,
    from_root: bool,
}

impl Author<'_> {
    fn states<T>(&self, field: impl Into<String>, value: T) -> Statement<T> {
        let source = RuleSource {
            namespace: self.key.namespace.clone(),
            name: self.key.name.clone(),
            generation: self.generation,
            field: field.into(),
        };
        Statement { source, from_root: self.from_root, value }
    }

    /// The list of `field`, where it is stated.
    fn limits<T: Clone + Ord>(&self, field: &str, values: Option<BTreeSet<T>>) -> Limits<T> {
        values.map(|values| self.states(field, values)).into_iter().collect()
    }

    /// The value of `field`, where it is stated.
    fn value<T: Ord>(&self, field: &str, stated: Option<T>) -> BTreeSet<Statement<T>> {
        stated.map(|value| self.states(field, value)).into_iter().collect()
    }

    /// The demand of `field`, where it is made.
    fn demand(&self, field: &str, demanded: Option<bool>) -> BTreeSet<Statement<()>> {
        demanded.filter(|demanded| *demanded).map(|_| self.states(field, ())).into_iter().collect()
    }
}

impl EffectivePolicy {
    /// What is stated where no policy is.
    pub(super) fn nothing_set(settings: &Settings) -> Self {
        Self {
            root_namespace: settings.root_namespace.clone(),
            proxy_image: settings.proxy_image.clone(),
            ungoverned: false,
            roots: BTreeSet::new(),
            unreadable: BTreeSet::new(),
            enforcement: BTreeSet::new(),
            information_classes: Limits::none(),
            risk_classes: Limits::none(),
            regions: Limits::none(),
            data_centres: Limits::none(),
            class_data_centres: BTreeMap::new(),
            isolation: BTreeSet::new(),
            devices_label: BTreeSet::new(),
            duties: BTreeSet::new(),
            exceptions: BTreeSet::new(),
            on_expiry: BTreeSet::new(),
            licences: Limits::none(),
            formats: Limits::none(),
            weights_digest: BTreeSet::new(),
            registries: Limits::none(),
            image_digest: BTreeSet::new(),
            engines: Limits::none(),
            args: Limits::none(),
            unmanaged_accelerators: BTreeSet::new(),
            quota: BTreeSet::new(),
            monthly_energy: BTreeSet::new(),
            emission_factor: BTreeSet::new(),
            power_usage_effectiveness: BTreeSet::new(),
        }
    }

    /// What one policy states for `namespace`.
    pub(crate) fn of_entry(settings: &Settings, key: &Key, entry: &PolicyEntry, namespace: &str) -> Self {
        let mut stated = Self::nothing_set(settings);
        match entry {
            PolicyEntry::Unreadable { error } => {
                stated.unreadable.insert((key.clone(), error.clone()));
            }
            PolicyEntry::Readable(policy) => {
                let from_root = key.namespace == settings.root_namespace;
                let author = Author { key, generation: policy.metadata.generation.unwrap_or(0), from_root };
                if from_root {
                    stated.roots.insert(key.clone());
                }
                stated.read_lists(&author, policy);
                stated.read_switches(&author, policy);
                stated.read_consumption(&author, policy);
                stated.read_classes(&author, policy);
                stated.exceptions = stated_exceptions(settings, key, &policy.spec, namespace);
            }
        }
        stated
    }

    fn read_lists(&mut self, author: &Author<'_>, policy: &AIPolicy) {
        let spec = &policy.spec;
        let residency = spec.residency.as_ref();
        let models = spec.models.as_ref();
        let engines = spec.engines.as_ref();
        let regions = residency.and_then(|residency| residency.regions.as_deref());
        let data_centres = residency.and_then(|residency| residency.data_centres.as_deref());
        let licences = models.and_then(|models| models.licences.as_deref());
        let formats = models.and_then(|models| models.formats.as_deref());
        let registries = spec.images.as_ref().and_then(|images| images.registries.as_deref());
        let types = engines.and_then(|engines| engines.types.as_deref());
        let args = engines.and_then(|engines| engines.allowed_args.as_deref());

        self.regions = author.limits("spec.residency.regions", regions.map(texts));
        self.data_centres = author.limits("spec.residency.dataCentres", data_centres.map(texts));
        self.licences = author.limits("spec.models.licences", licences.map(texts));
        self.formats = author.limits("spec.models.formats", formats.map(copies));
        self.registries = author.limits("spec.images.registries", registries.map(texts));
        self.engines = author.limits("spec.engines.types", types.map(copies));
        self.args = author.limits("spec.engines.allowedArgs", args.map(texts));
    }

    fn read_switches(&mut self, author: &Author<'_>, policy: &AIPolicy) {
        let spec = &policy.spec;
        let models = spec.models.as_ref();
        let images = spec.images.as_ref();
        self.weights_digest =
            author.demand("spec.models.requireDigest", models.and_then(|models| models.require_digest));
        self.image_digest =
            author.demand("spec.images.requireDigest", images.and_then(|images| images.require_digest));
        self.enforcement = author.value("spec.enforcement", stated_enforcement(spec, author.from_root));
    }

    fn read_consumption(&mut self, author: &Author<'_>, policy: &AIPolicy) {
        let spec = &policy.spec;
        let unmanaged = spec.unmanaged_accelerators;
        let climate = spec.climate.as_ref();
        let effectiveness = climate.and_then(|climate| climate.power_usage_effectiveness.clone());
        let factor = climate.and_then(|climate| climate.grams_co2e_per_kwh);
        let energy = climate.and_then(|climate| climate.monthly_kwh);
        let quota = spec.quota.as_ref().and_then(|quota| quota.accelerators);
        self.unmanaged_accelerators = author.value("spec.unmanagedAccelerators", unmanaged);
        self.quota = author.value("spec.quota.accelerators", quota);
        self.monthly_energy = author.value("spec.climate.monthlyKWh", energy);
        self.emission_factor = author.value("spec.climate.gramsCO2ePerKWh", factor);
        self.power_usage_effectiveness = author.value("spec.climate.powerUsageEffectiveness", effectiveness);
    }

    fn read_classes(&mut self, author: &Author<'_>, policy: &AIPolicy) {
        if let Some(rules) = &policy.spec.information_classes {
            let classes = rules.iter().map(|rule| rule.class).collect();
            self.information_classes.add(author.states("spec.informationClasses", classes));
            for rule in rules {
                self.read_information_class(author, rule);
            }
        }
        if let Some(rules) = &policy.spec.risk_classes {
            let classes = rules.iter().map(|rule| rule.class).collect();
            self.risk_classes.add(author.states("spec.riskClasses", classes));
        }
        let duties = stated_duties(&policy.spec);
        self.duties.extend(duties.into_iter().map(|(field, duty)| author.states(field, duty)));
    }

    fn read_information_class(&mut self, author: &Author<'_>, rule: &InformationClassRule) {
        let scope = Scope::Information(rule.class);
        let path = scope.path();
        if let Some(data_centres) = &rule.data_centres {
            let limits = self.class_data_centres.entry(rule.class).or_insert_with(Limits::none);
            limits.add(author.states(format!("{path}.dataCentres"), texts(data_centres)));
        }
        if let Some(isolation) = rule.isolation {
            self.isolation.insert(author.states(format!("{path}.isolation"), (rule.class, isolation)));
        }
        if rule.require_devices_label == Some(true) {
            self.devices_label.insert(author.states(format!("{path}.requireDevicesLabel"), rule.class));
        }
        if let Some(on_expiry) = &rule.on_expiry {
            let stated = (rule.class, Expiry::from(on_expiry));
            self.on_expiry.insert(author.states(format!("{path}.onExpiry"), stated));
        }
    }
}

/// What a policy says that a violation results in. One of the root namespace that does not say it denies: otherwise another that
/// says less could open what this one has closed. Elsewhere a field that is not set means nothing.
pub(crate) fn stated_enforcement(policy: &AIPolicySpec, of_root: bool) -> Option<Enforcement> {
    policy.enforcement.or(of_root.then_some(Enforcement::Deny))
}

/// The duties that a policy states, each with its field.
pub(crate) fn stated_duties(policy: &AIPolicySpec) -> Vec<(String, Duty)> {
    let of_information = policy.information_classes.iter().flatten().map(|rule| {
        let duties = rule.requires.as_ref().map(StatedDuties::from).unwrap_or_default();
        (Scope::Information(rule.class), duties)
    });
    let of_risk = policy.risk_classes.iter().flatten().map(|rule| {
        let duties = rule.requires.as_ref().map(StatedDuties::from).unwrap_or_default();
        (Scope::Risk(rule.class), duties)
    });
    let mut stated = Vec::new();
    for (scope, duties) in of_information.chain(of_risk) {
        // A day that no calendar has is read as no day at all: the duty binds now.
        let not_before = duties.not_before.and_then(|day| date::parse(day.as_str()));
        let path = scope.path();
        stated.extend(
            duties.demands().into_iter().map(|(field, demand)| {
                (format!("{path}.requires.{field}"), Duty { scope, demand, not_before })
            }),
        );
    }
    stated
}

fn texts<T: ToString>(values: &[T]) -> BTreeSet<String> {
    values.iter().map(ToString::to_string).collect()
}

fn copies<T: Copy + Ord>(values: &[T]) -> BTreeSet<T> {
    values.iter().copied().collect()
}
