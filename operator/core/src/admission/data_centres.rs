//! The lists of data centres of an AIPolicy, as far as they are compiled.

use std::collections::BTreeSet;

use hemvist_api::AIPolicySpec;
use hemvist_api::values::InformationClass;

use super::models::texts_of;
use crate::policy::duties::Scope as DutyScope;

/// The list for all classes, where there is one.
pub fn of_all(policy: &AIPolicySpec) -> Option<BTreeSet<String>> {
    policy.residency.as_ref().and_then(|residency| residency.data_centres.as_deref()).map(texts_of)
}

/// The lists for single classes, each with its field. One that has everything of the list for all classes is left out: who
/// stays within that stays within this one too.
pub fn of_classes(
    policy: &AIPolicySpec,
) -> impl Iterator<Item = (InformationClass, String, BTreeSet<String>)> {
    let common = of_all(policy);
    policy.information_classes.iter().flatten().filter_map(move |rule| {
        let list = texts_of(rule.data_centres.as_deref()?);
        let is_longer = common.as_ref().is_some_and(|common| common.is_subset(&list));
        let field = || format!("{}.dataCentres", DutyScope::Information(rule.class).path());
        (!is_longer).then(|| (rule.class, field(), list))
    })
}
