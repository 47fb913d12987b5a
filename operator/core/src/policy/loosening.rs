//! Fields of a policy without effect: of a local one because the root namespace allows less or demands more, one of the root
//! namespace because an exception names what cannot be waived.
//!
//! Nothing here decides what is allowed: the meet does. It only tells the author of a policy why a field has no effect.

use std::collections::BTreeSet;
use std::fmt::Display;

use hemvist_api::ai_policy::{Exception, FieldWithoutEffect, InformationClassRule, RiskClassRule};
use hemvist_api::values::Region;
use hemvist_api::{AIPolicy, AIPolicySpec};

use super::duties::{Demand, Scope, StatedDuties};
use super::expiry::Expiry;
use super::limit::{Limits, Statement};
use super::{EffectivePolicy, PolicyBook, PolicyEntry, Waiver, binds, image, licence};
use crate::date;
use crate::rules::shortened;
use crate::snapshot::{Key, Settings};
use crate::violation::RuleSource;

/// The most fields that are listed.
const MAX_FIELDS: usize = 32;

/// The longest message, in characters.
const MAX_MESSAGE: usize = 500;

/// The fields that only a policy of the root namespace may set.
pub const ROOT_ONLY_FIELDS: [&str; 2] = ["spec.namespaces", "spec.exceptions"];

/// How the field of an exception begins, in the list of fields without effect.
pub const EXCEPTION_FIELD: &str = "spec.exceptions[";

/// The longest name of a field, in characters.
const MAX_FIELD: usize = 256;

/// Fields of a policy that have no effect.
pub(super) fn fields_without_effect(
    book: &PolicyBook,
    settings: &Settings,
    key: &Key,
) -> Vec<FieldWithoutEffect> {
    let Some(entry @ PolicyEntry::Readable(policy)) = book.entries.get(key) else {
        return Vec::new();
    };
    let root = EffectivePolicy::of_root(book, settings, &key.namespace);
    let mut report = Report { root: &root, fields: Vec::new() };
    if key.namespace == settings.root_namespace {
        report.read_exceptions(policy, |namespace| binds(settings, key, entry, namespace));
        report.fields.truncate(MAX_FIELDS);
        return report.fields;
    }
    report.read_root_only(&policy.spec, settings);
    // Where no policy of the root namespace is known to bind, nothing is allowed at all, and there is nothing to measure
    // the local policy by.
    if root.is_bound() {
        report.read_lists(&policy.spec);
        report.read_switches(&policy.spec);
        report.read_consumption(&policy.spec);
        for rule in policy.spec.information_classes.iter().flatten() {
            report.read_information_class(rule);
        }
        for rule in policy.spec.risk_classes.iter().flatten() {
            report.read_risk_class(rule);
        }
    }
    report.fields.truncate(MAX_FIELDS);
    report.fields
}

/// The fields that were found, measured by what the root namespace says.
struct Report<'a> {
    root: &'a EffectivePolicy,
    fields: Vec<FieldWithoutEffect>,
}

impl Report<'_> {
    fn add(&mut self, field: &str, message: &str) {
        let field = shortened(field, MAX_FIELD);
        self.fields.push(FieldWithoutEffect { field, message: shortened(message, MAX_MESSAGE) });
    }

    /// Notes exceptions, or parts of them, that waive nothing.
    fn read_exceptions(&mut self, policy: &AIPolicy, binds: impl Fn(&str) -> bool) {
        for exception in policy.spec.exceptions.iter().flatten() {
            let Exception { namespace, model_deployment, waives, expires_on, .. } = exception;
            let path = format!("{EXCEPTION_FIELD}{namespace}/{model_deployment}]");
            for text in waives.iter().filter(|text| Waiver::parse(text).is_none()) {
                let message = format!("{text} cannot be waived; what can be is {}", Waiver::vocabulary());
                self.add(&format!("{path}.waives"), &message);
            }
            if !binds(namespace.as_str()) {
                let message = format!("the policy does not bind {namespace}, so it waives nothing there");
                self.add(&format!("{path}.namespace"), &message);
            }
            if date::parse(expires_on.as_str()).is_none() {
                let message =
                    format!("{expires_on} is a day that no calendar has, so the exception has ended");
                self.add(&format!("{path}.expiresOn"), &message);
            }
        }
    }

    fn read_root_only(&mut self, spec: &AIPolicySpec, settings: &Settings) {
        let stated = [spec.namespaces.is_some(), spec.exceptions.is_some()];
        for (field, _) in ROOT_ONLY_FIELDS.into_iter().zip(stated).filter(|(_, stated)| *stated) {
            let root = &settings.root_namespace;
            self.add(
                field,
                &format!("it has effect in {root} only; here the policy binds its own namespace"),
            );
        }
    }

    fn read_lists(&mut self, spec: &AIPolicySpec) {
        let root = self.root;
        if let Some(residency) = &spec.residency {
            self.read_regions(residency.regions.as_deref().unwrap_or_default());
            let data_centres = residency.data_centres.as_deref();
            let limits = &root.data_centres;
            // A region may limit the data centres class by class only; then the classes are compared.
            if !limits.is_empty() || root.class_data_centres.is_empty() {
                self.read_list("spec.residency.dataCentres", data_centres, limits, |limit, value| {
                    limit.value.contains(value)
                });
            }
        }
        if let Some(models) = &spec.models {
            self.read_list(
                "spec.models.licences",
                models.licences.as_deref(),
                &root.licences,
                |limit, value| licence::listed(&limit.value, value),
            );
            self.read_values("spec.models.formats", models.formats.as_deref(), &root.formats);
        }
        if let Some(images) = &spec.images {
            let registries = images.registries.as_deref();
            self.read_list("spec.images.registries", registries, &root.registries, |limit, value| {
                image::entry_listed(&limit.value, value)
            });
        }
        if let Some(engines) = &spec.engines {
            self.read_values("spec.engines.types", engines.types.as_deref(), &root.engines);
            let args = engines.allowed_args.as_deref();
            self.read_list("spec.engines.allowedArgs", args, &root.args, |limit, value| {
                limit.value.contains(value)
            });
        }
        let classes = spec.information_classes.as_ref();
        let classes: Option<Vec<_>> = classes.map(|rules| rules.iter().map(|rule| rule.class).collect());
        self.read_values("spec.informationClasses", classes.as_deref(), &root.information_classes);
        let classes = spec.risk_classes.as_ref();
        let classes: Option<Vec<_>> = classes.map(|rules| rules.iter().map(|rule| rule.class).collect());
        self.read_values("spec.riskClasses", classes.as_deref(), &root.risk_classes);
    }

    /// Regions that the root namespace does not speak of are open, unlike every other list.
    fn read_regions(&mut self, regions: &[Region]) {
        let root = self.root;
        if !root.regions.is_empty() {
            self.read_list("spec.residency.regions", Some(regions), &root.regions, |limit, value| {
                limit.value.contains(value)
            });
        }
    }

    /// Notes the words of a list that the root namespace does not allow.
    fn read_list<T, U: Clone + Ord>(
        &mut self,
        field: &str,
        values: Option<&[T]>,
        limits: &Limits<U>,
        allows: impl Fn(&Statement<BTreeSet<U>>, &String) -> bool,
    ) where
        T: Display,
    {
        for value in values.unwrap_or_default().iter().map(ToString::to_string) {
            let refusing = limits.iter().find(|limit| !allows(limit, &value)).map(|limit| &limit.source);
            self.note_value(field, &value, limits.is_empty(), refusing);
        }
    }

    /// Notes the values of a closed list that the root namespace does not allow.
    fn read_values<T: Copy + Display + Ord>(
        &mut self,
        field: &str,
        values: Option<&[T]>,
        limits: &Limits<T>,
    ) {
        for value in values.unwrap_or_default() {
            let refusing =
                limits.iter().find(|limit| !limit.value.contains(value)).map(|limit| &limit.source);
            self.note_value(field, value, limits.is_empty(), refusing);
        }
    }

    fn note_value(
        &mut self,
        field: &str,
        value: &impl Display,
        unstated: bool,
        refusing: Option<&RuleSource>,
    ) {
        if let Some(rule) = refusing {
            self.add(field, &format!("{value} is not allowed by {} and stays not allowed", author(rule)));
        } else if unstated {
            let root = &self.root.root_namespace;
            self.add(field, &format!("no AIPolicy of {root} states this list, so {value} stays not allowed"));
        }
    }

    fn read_switches(&mut self, spec: &AIPolicySpec) {
        let root = self.root;
        let models = spec.models.as_ref().and_then(|models| models.require_digest);
        let images = spec.images.as_ref().and_then(|images| images.require_digest);
        for (field, stated, demands) in [
            ("spec.models.requireDigest", models, &root.weights_digest),
            ("spec.images.requireDigest", images, &root.image_digest),
        ] {
            if let Some(demand) = demands.first().filter(|_| stated == Some(false)) {
                self.add(
                    field,
                    &format!("{} demands a digest, and it stays demanded", author(&demand.source)),
                );
            }
        }
        let strictest = root.enforcement();
        if let Some(stated) = spec.enforcement.filter(|stated| *stated < strictest) {
            let message =
                format!("{stated} is less than {strictest}, which the root namespace keeps in force");
            self.add("spec.enforcement", &message);
        }
    }

    /// Limits that are above the region's, factors that the region has stated, and what is denied by default.
    fn read_consumption(&mut self, spec: &AIPolicySpec) {
        let root = self.root;
        let quota = spec.quota.as_ref().and_then(|quota| quota.accelerators);
        self.read_maximum("spec.quota.accelerators", quota, root.accelerator_quota());
        let climate = spec.climate.as_ref();
        let energy = climate.and_then(|climate| climate.monthly_kwh);
        self.read_maximum("spec.climate.monthlyKWh", energy, root.monthly_energy());
        let factor = climate.and_then(|climate| climate.grams_co2e_per_kwh);
        self.read_factor("spec.climate.gramsCO2ePerKWh", factor.as_ref(), root.grams_co2e_per_kwh());
        let effectiveness = climate.and_then(|climate| climate.power_usage_effectiveness.as_ref());
        let field = "spec.climate.powerUsageEffectiveness";
        self.read_factor(field, effectiveness, root.power_usage_effectiveness());
        let strictest = root.unmanaged_accelerators();
        if let Some(stated) = spec.unmanaged_accelerators.filter(|stated| *stated < strictest) {
            let message =
                format!("{stated} is less than {strictest}, which the root namespace keeps in force");
            self.add("spec.unmanagedAccelerators", &message);
        }
    }

    fn read_maximum<T: Display + Ord>(
        &mut self,
        field: &str,
        stated: Option<T>,
        limit: Option<(T, RuleSource)>,
    ) {
        if let Some((stated, (limit, source))) = stated.zip(limit).filter(|(stated, limit)| *stated > limit.0)
        {
            self.add(field, &format!("{stated} is more than the {limit} of {}, which stay", author(&source)));
        }
    }

    fn read_factor<T: Display + Eq>(
        &mut self,
        field: &str,
        stated: Option<&T>,
        root: Option<(T, RuleSource)>,
    ) {
        let Some((stated, (value, source))) = stated.zip(root).filter(|(stated, root)| **stated != root.0)
        else {
            return;
        };
        self.add(field, &format!("{} states {value}, and {stated} has no effect beside it", author(&source)));
    }

    fn read_information_class(&mut self, rule: &InformationClassRule) {
        let root = self.root;
        let scope = Scope::Information(rule.class);
        let path = scope.path();
        // Data centres of all classes and of this class both limit the class.
        let limits: Limits<String> = root.data_centre_limits(rule.class).cloned().collect();
        self.read_list(
            &format!("{path}.dataCentres"),
            rule.data_centres.as_deref(),
            &limits,
            |limit, value| limit.value.contains(value),
        );
        let demanded = root.isolation.iter().filter(|statement| statement.value.0 == rule.class);
        let demanded = demanded.max_by_key(|statement| statement.value.1);
        if let Some((asked, demanded)) =
            rule.isolation.zip(demanded).filter(|(asked, most)| *asked < most.value.1)
        {
            let (_, most) = demanded.value;
            let message = format!("{asked} is less than {most}, which {} demands", author(&demanded.source));
            self.add(&format!("{path}.isolation"), &message);
        }
        let most = root.on_expiry(rule.class);
        if rule.on_expiry.as_ref().map(Expiry::from).is_some_and(|stated| stated > most) {
            let message = format!("{most}, because the root namespace allows no more, and that stays");
            self.add(&format!("{path}.onExpiry"), &message);
        }
        self.read_duties(scope, &rule.requires.as_ref().map(StatedDuties::from).unwrap_or_default());
    }

    fn read_risk_class(&mut self, rule: &RiskClassRule) {
        let duties = rule.requires.as_ref().map(StatedDuties::from).unwrap_or_default();
        self.read_duties(Scope::Risk(rule.class), &duties);
    }

    fn read_duties(&mut self, scope: Scope, stated: &StatedDuties<'_>) {
        let duties = self.root.duties.iter().filter(|duty| duty.value.scope == scope);
        let path = scope.path();
        for (name, value, demand) in stated.switches() {
            let demanded = duties.clone().find(|duty| duty.value.demand == demand);
            if let Some(duty) = demanded.filter(|_| value == Some(false)) {
                let message = format!("{} requires it, and it stays required", author(&duty.source));
                self.add(&format!("{path}.requires.{name}"), &message);
            }
        }
        let least = duties.filter_map(|duty| match duty.value.demand {
            Demand::MaxAssessmentAge(days) => Some((days, &duty.source)),
            _ => None,
        });
        let Some((asked, (days, source))) = stated.max_assessment_age_days.zip(least.min()) else {
            return;
        };
        if asked > days {
            let message =
                format!("{asked} days are more than the {days} days of {}, which stay", author(source));
            self.add(&format!("{path}.requires.maxAssessmentAgeDays"), &message);
        }
    }
}

fn author(rule: &RuleSource) -> String {
    format!("AIPolicy {}/{}", rule.namespace, rule.name)
}
