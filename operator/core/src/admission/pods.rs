//! The rules of an AIPolicy for pods that use an accelerator, whoever created them, as rules for the API server.
//!
//! Where a pod may go is required of it in writing: its required node affinity has to stay within what the policy allows,
//! and every kubelet refuses a pod whose required affinity its node does not meet. Of several terms of an affinity one is
//! enough for the scheduler, so every one of them has to be within.

use std::collections::BTreeSet;

use hemvist_api::AIPolicySpec;
use hemvist_api::labels::{INFORMATION_CLASS, NODE_DATA_CENTRE, NODE_DEVICES, NODE_REGION, WHOLE_DEVICES};
use hemvist_api::values::{InformationClass, Isolation, UnmanagedAccelerators};

use super::accelerator::{some_container, uses_accelerator_expr};
use super::author::Author;
use super::cel::{Expr, all, any, has, name, text, texts};
use super::data_centres;
use super::image::{is_below, is_below_by_digest};
use super::isolation::kept_apart;
use super::message::{Fact, Message};
use super::models::{not_in_list, texts_of, variable};
use super::object::{MatchRule, Rule};
use super::pattern::HAS_DIGEST;
use super::scope::Scope;
use crate::policy::duties::Scope as DutyScope;
use crate::render::NOWHERE;
use crate::rules::{listing, object};
use crate::snapshot::{OtherDevices, Settings};
use crate::violation::AllowList;

/// Writing a pod, by each of the ways in which its spec can be written.
pub const MATCH_RULE: MatchRule = MatchRule {
    group: "",
    resources: &["pods", "pods/ephemeralcontainers", "pods/resize"],
    operations: &["CREATE", "UPDATE"],
};

pub(crate) use crate::rules::object::AFFINITY_FIELD;

pub(super) fn pod() -> Expr {
    name("object").field("spec")
}

/// Whether the pod of the request, or the one that it was, uses an accelerator.
pub(super) fn accelerated(devices: &OtherDevices, object: &'static str) -> Expr {
    uses_accelerator_expr(devices, &name(object).field("spec"), &name(object).field("metadata"))
}

/// Pods to which the rules do not apply: those that use no accelerator, and those of which neither spec nor class changes. A
/// pod that is no longer allowed has to be able to lose its finalizers and go.
pub(super) fn exempt(devices: &OtherDevices) -> Vec<Expr> {
    let class = |object| label(name(object), INFORMATION_CLASS);
    let unchanged = all([
        name("request").field("operation").equals(text("UPDATE")),
        name("object").field("spec").equals(name("oldObject").field("spec")),
        class("object").equals(class("oldObject")),
        // What was none before may have become one by an annotation.
        accelerated(devices, "oldObject"),
    ]);
    vec![!accelerated(devices, "object"), unchanged]
}

/// A label of an object, empty where it has none of the name.
pub(super) fn label(object: Expr, label: &'static str) -> Expr {
    object.field("metadata").maybe("labels").maybe_item(text(label)).or_empty()
}

/// What the rules have in common.
pub(super) fn variables() -> Vec<(&'static str, Expr)> {
    let affinity = pod().maybe_path([
        "affinity",
        "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeSelectorTerms",
    ]);
    vec![("terms", affinity.or_none()), ("images", images())]
}

/// Every image of the pod, for messages: of its containers and of its volumes.
fn images() -> Expr {
    let of = |kind| pod().maybe(kind).or_none().mapped("c", name("c").maybe("image").or_empty());
    let volumes = pod().maybe("volumes").or_none().those("v", has(name("v").field("image")));
    let of_volumes = volumes.mapped("v", name("v").field("image").maybe("reference").or_empty());
    of("containers").plus(of("initContainers")).plus(of("ephemeralContainers")).plus(of_volumes)
}

/// Whether `holds` of every image of the pod.
fn every_image(holds: impl Fn(Expr) -> Expr) -> Expr {
    let of_container = holds(name("c").maybe("image").or_empty());
    let of_volume = holds(name("v").field("image").maybe("reference").or_empty());
    let volumes = pod().maybe("volumes").or_none();
    all([
        !some_container(&pod(), "c", &!of_container),
        volumes.every("v", any([!has(name("v").field("image")), of_volume])),
    ])
}

/// The class that the pod says it is of.
pub(super) fn class_of_pod() -> Expr {
    label(name("object"), INFORMATION_CLASS)
}

/// Whether every node that the pod may go to has a label with one of these values.
pub(super) fn stays_within(
    node_label: &'static str,
    allowed: impl IntoIterator<Item = impl ToString>,
) -> Expr {
    let allowed = allowed.into_iter().map(|value| value.to_string()).chain([NOWHERE.to_owned()]);
    let e = |field| name("e").field(field);
    let limits = all([
        e("key").equals(text(node_label)),
        e("operator").equals(text("In")),
        name("e").maybe("values").or_none().every("x", name("x").is_in(texts(allowed))),
    ]);
    all([
        variable("terms").call("size", []).exceeds(Expr::Int(0)),
        variable("terms").every("t", name("t").maybe("matchExpressions").or_none().some("e", limits)),
    ])
}

/// The rules of one policy. In the namespaces of `lenient` the policies only warn: there the rules that do not keep
/// information in its place are left to the controller's findings.
pub(super) fn rules(
    author: &Author,
    policy: &AIPolicySpec,
    settings: &Settings,
    lenient: &Scope,
) -> Vec<Rule> {
    let policy = Rules { author, policy, settings, lenient };
    [policy.residency(), policy.classes(), policy.isolation(), policy.images(), policy.identity()].concat()
}

struct Rules<'a> {
    author: &'a Author,
    policy: &'a AIPolicySpec,
    settings: &'a Settings,
    lenient: &'a Scope,
}

impl Rules<'_> {
    fn residency(&self) -> Vec<Rule> {
        let residency = self.policy.residency.as_ref();
        let mut rules = Vec::new();
        if let Some(regions) = residency.and_then(|residency| residency.regions.as_ref()) {
            rules.push(self.within(None, NODE_REGION, "spec.residency.regions", &texts_of(regions)));
        }
        if let Some(list) = data_centres::of_all(self.policy) {
            rules.push(self.within(None, NODE_DATA_CENTRE, "spec.residency.dataCentres", &list));
        }
        for (class, field, list) in data_centres::of_classes(self.policy) {
            rules.push(self.within(Some(class), NODE_DATA_CENTRE, &field, &list));
        }
        rules
    }

    fn within(
        &self,
        class: Option<InformationClass>,
        node_label: &'static str,
        policy_field: &str,
        allowed: &BTreeSet<String>,
    ) -> Rule {
        let concerned = class.map_or(Expr::Bool(true), is_class);
        let rule = self.author.rule(policy_field);
        let listed = listing(allowed.iter(), "nothing");
        Rule::new(
            concerned.implies(stays_within(node_label, allowed)),
            Message::of_rule(
                &object::OUTSIDE_PLACE,
                [
                    ("listed", Fact::text(&listed)),
                    ("rule", Fact::text(&rule)),
                    ("label", Fact::text(node_label)),
                ],
            ),
        )
    }

    fn classes(&self) -> Vec<Rule> {
        let Some(listed) = &self.policy.information_classes else { return Vec::new() };
        let classes: BTreeSet<_> = listed.iter().map(|rule| rule.class).collect();
        let rule = self.author.rule("spec.informationClasses");
        let field = format!("metadata.labels[{INFORMATION_CLASS}]");
        let violation = not_in_list(&field, AllowList::InformationClasses, &classes, rule);
        let message = Message::about(&violation, [("value", class_of_pod())]);
        vec![self.lenient_rule(class_of_pod().is_in(texts(&classes)), message)]
    }

    fn isolation(&self) -> Vec<Rule> {
        let rules = self.policy.information_classes.iter().flatten();
        let labelled = rules.clone().filter(|rule| rule.require_devices_label == Some(true)).map(|rule| {
            let field = format!("{}.requireDevicesLabel", DutyScope::Information(rule.class).path());
            self.within(Some(rule.class), NODE_DEVICES, &field, &BTreeSet::from([WHOLE_DEVICES.to_owned()]))
        });
        let apart = rules
            .filter_map(|rule| rule.isolation.map(|isolation| (rule.class, isolation)))
            .filter(|(_, isolation)| *isolation > Isolation::Shared)
            .map(|(class, isolation)| {
                let rule = self.author.rule(&format!("{}.isolation", DutyScope::Information(class).path()));
                Rule::new(
                    is_class(class).implies(kept_apart(&self.settings.other_devices, isolation)),
                    Message::of_rule(
                        &object::POD_ISOLATION_TOO_LOW,
                        [
                            ("class", Fact::text(&class)),
                            ("isolation", Fact::text(&isolation)),
                            ("rule", Fact::text(&rule)),
                        ],
                    ),
                )
            });
        labelled.chain(apart).collect()
    }

    fn images(&self) -> Vec<Rule> {
        let Some(images) = &self.policy.images else { return Vec::new() };
        let mut rules = Vec::new();
        if let Some(registries) = &images.registries {
            let registries = texts_of(registries);
            let rule = self.author.rule("spec.images.registries");
            let refused = variable("images").those("i", !is_below(&registries, &name("i")));
            let violation = not_in_list("spec.containers[].image", AllowList::Registries, &registries, rule);
            let message = Message::about_long(&violation, "value", "of ", refused.item(Expr::Int(0)));
            rules.push(self.lenient_rule(every_image(|image| is_below(&registries, &image)), message));
        }
        if images.require_digest == Some(true) {
            let rule = self.author.rule("spec.images.requireDigest");
            let refused = variable("images").those("i", !name("i").matches(HAS_DIGEST));
            let message = Message::of_rule(
                &object::POD_IMAGE_WITHOUT_DIGEST,
                [("image", Fact::LongValue(refused.item(Expr::Int(0)))), ("rule", Fact::text(&rule))],
            );
            rules.push(self.lenient_rule(every_image(|image| image.matches(HAS_DIGEST)), message));
        }
        if let (Some(registries), [_, _]) = (&images.registries, rules.as_slice()) {
            rules = rules.into_iter().map(Rule::only_explaining).collect();
            let registries = texts_of(registries);
            let message = format!("spec.containers[].image: denied by {}.", self.author.rule("spec.images"));
            rules.push(self.lenient_rule(
                every_image(|image| is_below_by_digest(&registries, &image)),
                Message::new(message),
            ));
        }
        rules
    }

    /// Who may make such a pod, where the policy says that it has to be a ModelDeployment.
    fn identity(&self) -> Vec<Rule> {
        if self.policy.unmanaged_accelerators != Some(UnmanagedAccelerators::Deny) {
            return Vec::new();
        }
        let rule = self.author.rule("spec.unmanagedAccelerators");
        vec![Rule::new(
            made_by_chain(self.settings),
            Message::of_rule(&object::DENIED_WITHOUT_MODEL, [("rule", Fact::text(&rule))]),
        )]
    }

    fn lenient_rule(&self, holds: Expr, message: Message) -> Rule {
        Rule::new(any([self.lenient.holds_request(), holds]), message)
    }
}

/// Whether the pod was made by a controller from a template, or did use an accelerator before: only Hemvist writes such
/// templates.
pub(super) fn made_by_chain(settings: &Settings) -> Expr {
    let user = name("request").path(["userInfo", "username"]);
    let was_before = all([
        name("request").field("operation").equals(text("UPDATE")),
        accelerated(&settings.other_devices, "oldObject"),
    ]);
    any([user.is_in(texts(&settings.identities.pod_makers)), was_before])
}

/// Whether the pod is of this information class.
fn is_class(class: InformationClass) -> Expr {
    class_of_pod().equals(text(class.as_str()))
}
