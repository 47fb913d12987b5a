//! Pods, read as typed objects.

use std::collections::{BTreeMap, BTreeSet};

use hemvist_api::AIPolicySpec;
use hemvist_api::labels::{
    APP_MANAGED_BY, HEMVIST, HOSTNAME, INFORMATION_CLASS, MODEL_DEPLOYMENT, MODEL_DEPLOYMENT_UID,
    NODE_CLEARANCE, NODE_DATA_CENTRE, NODE_DEDICATED_TAINT, NODE_DEVICES, NODE_REGION, WHOLE_DEVICES,
};
use hemvist_api::values::{Enforcement, InformationClass, Isolation, UnmanagedAccelerators};
use k8s_openapi::api::core::v1::{NodeSelectorTerm, Pod, PodAffinityTerm, PodSpec};

use super::super::pods::AFFINITY_FIELD;
use super::containers::containers;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;

use crate::accelerator::{CDI_ANNOTATION, LabelTest, ResourceKind, kind_of, label_tests};
use crate::policy::{EffectivePolicy, binds, image_is_listed, names_image_by_digest};
use crate::render::NOWHERE;
use crate::snapshot::{Key, PodFacts, PodObject, PolicyBook, PolicyEntry, Settings};

const LABELS: &str = "metadata.labels";
const CLASS_LABEL: &str = "metadata.labels[hemvist.dev/information-class]";
const IMAGE: &str = "spec.containers[].image";

/// Something about a pod that is refused.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct PodFinding {
    /// The field of the pod.
    pub field: &'static str,
    /// The AIPolicy that refuses it and the field of it; `None` where no policy is needed.
    pub rule: Option<(Key, String)>,
}

/// Everything for which the creation of `pod` by `user` would be refused; nothing where it would be admitted.
pub fn judge_new_pod(book: &PolicyBook, settings: &Settings, user: &str, pod: &Pod) -> Vec<PodFinding> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    if settings.ungoverned_namespaces.contains(namespace) {
        return Vec::new();
    }
    let empty = PodSpec::default();
    let mut judge = Judge {
        book,
        settings,
        user,
        namespace,
        pod,
        spec: pod.spec.as_ref().unwrap_or(&empty),
        findings: Vec::new(),
    };
    judge.labels();
    if uses_accelerator(settings, pod) {
        judge.identity();
        judge.class();
        judge.default_deny();
        judge.clearance();
        judge.host();
        judge.scheduling();
        judge.sensitive();
        judge.policies();
    }
    judge.findings.sort();
    judge.findings.dedup();
    judge.findings
}

/// Whether a pod uses an accelerator. One that cannot be read counts.
fn uses_accelerator(settings: &Settings, pod: &Pod) -> bool {
    let read = serde_json::to_value(pod).and_then(serde_json::from_value::<PodObject>);
    read.is_err() || read.is_ok_and(|pod| PodFacts::from(pod).uses_accelerator(&settings.other_devices))
}

struct Judge<'a> {
    book: &'a PolicyBook,
    settings: &'a Settings,
    user: &'a str,
    namespace: &'a str,
    pod: &'a Pod,
    spec: &'a PodSpec,
    findings: Vec<PodFinding>,
}

impl Judge<'_> {
    fn refuse(&mut self, field: &'static str, refused: bool) {
        if refused {
            self.findings.push(PodFinding { field, rule: None });
        }
    }

    fn label(&self, label: &str) -> &str {
        self.pod.metadata.labels.as_ref().and_then(|labels| labels.get(label)).map_or("", String::as_str)
    }

    fn class_of_pod(&self) -> Option<InformationClass> {
        InformationClass::parse(self.label(INFORMATION_CLASS))
    }

    fn made_by_chain(&self) -> bool {
        self.settings.identities.pod_makers.contains(self.user)
    }

    /// The readable policies that apply to the namespace, and whether each is one of the root namespace.
    fn binding(&self) -> impl Iterator<Item = (&Key, &AIPolicySpec, bool)> {
        self.book.entries.iter().filter_map(|(key, entry)| match entry {
            PolicyEntry::Readable(policy) if binds(self.settings, key, entry, self.namespace) => {
                Some((key, &policy.spec, key.namespace == self.settings.root_namespace))
            }
            _ => None,
        })
    }

    fn labels(&mut self) {
        let of_a_model = !self.label(MODEL_DEPLOYMENT).is_empty()
            || !self.label(MODEL_DEPLOYMENT_UID).is_empty()
            || self.label(APP_MANAGED_BY) == HEMVIST;
        self.refuse(LABELS, of_a_model && !self.made_by_chain());
    }

    fn identity(&mut self) {
        let open = self.binding().any(|(_, spec, root)| {
            root && spec.unmanaged_accelerators == Some(UnmanagedAccelerators::RequireResidency)
        });
        self.refuse("spec", !open && !self.made_by_chain());
    }

    fn class(&mut self) {
        self.refuse(CLASS_LABEL, self.class_of_pod().is_none());
    }

    /// What no policy of the root namespace covers.
    fn default_deny(&mut self) {
        let class = self.class_of_pod();
        let of_root = |speaks: &dyn Fn(&AIPolicySpec) -> bool| {
            self.binding().any(|(_, spec, root)| root && speaks(spec))
        };
        let bound = of_root(&|_| true);
        let classes = of_root(&|spec| spec.information_classes.is_some());
        let data_centres = of_root(&|spec| {
            spec.residency.as_ref().is_some_and(|all| all.data_centres.is_some())
                || spec
                    .information_classes
                    .iter()
                    .flatten()
                    .any(|rule| Some(rule.class) == class && rule.data_centres.is_some())
        });
        let registries = of_root(&|spec| spec.images.as_ref().is_some_and(|all| all.registries.is_some()));
        self.refuse("metadata.namespace", !bound);
        self.refuse(LABELS, !classes);
        self.refuse(AFFINITY_FIELD, !data_centres);
        self.refuse(IMAGE, !registries);
    }

    fn clearance(&mut self) {
        let Some(class) = self.class_of_pod() else { return };
        let levels =
            InformationClass::ALL.iter().filter(|level| **level >= class).map(ToString::to_string).collect();
        let outside = !self.stays_within(NODE_CLEARANCE, &levels);
        self.refuse(AFFINITY_FIELD, outside);
    }

    /// Whether every term of the required affinity keeps the pod to nodes with one of these values.
    fn stays_within(&self, label: &str, allowed: &BTreeSet<String>) -> bool {
        let limits = |term: &NodeSelectorTerm| {
            term.match_expressions.iter().flatten().any(|one| {
                let within = |value: &String| value == NOWHERE || allowed.contains(value);
                one.key == label && one.operator == "In" && one.values.iter().flatten().all(within)
            })
        };
        let terms = self.terms();
        !terms.is_empty() && terms.iter().all(limits)
    }

    /// The terms of the required node affinity.
    fn terms(&self) -> &[NodeSelectorTerm] {
        let affinity = self.spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
        let required = affinity
            .and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
        required.map(|selector| selector.node_selector_terms.as_slice()).unwrap_or_default()
    }

    fn host(&mut self) {
        let spec = self.spec;
        let shares = [spec.host_network, spec.host_pid, spec.host_ipc].contains(&Some(true));
        self.refuse("spec", shares);
        self.refuse("spec.volumes", spec.volumes.iter().flatten().any(|volume| volume.host_path.is_some()));
        let others = &self.settings.other_devices;
        let annotations = self.pod.metadata.annotations.iter().flatten();
        let annotated = annotations.into_iter().any(|(key, _)| key.starts_with(CDI_ANNOTATION));
        let asked =
            self.claims_devices() || self.resources().iter().any(|resource| others.is_accelerator(resource));
        let runtime = spec.runtime_class_name.as_deref().unwrap_or_default();
        let given = annotated || (others.gives_devices(runtime) && !asked);
        let taken = containers(spec).any(|container| container.asks_runtime());
        self.refuse("spec.containers", taken || given);
    }

    /// Every resource that a container of the pod requests.
    fn resources(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for container in containers(self.spec) {
            names.extend(container.resource_names().map(str::to_owned));
        }
        names
    }

    fn claims_devices(&self) -> bool {
        self.spec.resource_claims.as_ref().is_some_and(|claims| !claims.is_empty())
    }

    fn scheduling(&mut self) {
        let spec = self.spec;
        self.refuse("spec.nodeName", spec.node_name.as_deref().is_some_and(|node| !node.is_empty()));
        // The API server writes the default before anybody judges.
        let stated = spec.scheduler_name.as_deref().filter(|name| !name.is_empty());
        let scheduler = stated.unwrap_or("default-scheduler");
        self.refuse("spec.schedulerName", !self.settings.identities.scheduler_names.contains(scheduler));
        let blanket = spec.tolerations.iter().flatten().any(|one| {
            one.operator.as_deref() == Some("Exists") && one.key.as_deref().unwrap_or_default().is_empty()
        });
        let dedicated =
            spec.tolerations.iter().flatten().any(|one| one.key.as_deref() == Some(NODE_DEDICATED_TAINT));
        self.refuse("spec.tolerations", blanket || (dedicated && !self.made_by_chain()));
    }

    fn sensitive(&mut self) {
        let Some(class) = self.class_of_pod().filter(|class| *class >= InformationClass::Sensitive) else {
            return;
        };
        let debugged = self.spec.ephemeral_containers.as_ref().is_some_and(|all| !all.is_empty());
        self.refuse("spec.ephemeralContainers", debugged);
        let infix = format!("--{}-", class.as_str().to_lowercase());
        let name = self.pod.metadata.name.as_deref().unwrap_or_default();
        self.refuse("metadata.name", !name.contains(&infix));
    }

    fn policies(&mut self) {
        let lenient = EffectivePolicy::for_namespace(self.book, self.settings, self.namespace).enforcement()
            < Enforcement::Deny;
        let mut found = Vec::new();
        for (key, entry) in &self.book.entries {
            if let PolicyEntry::Unreadable { .. } = entry
                && binds(self.settings, key, entry, self.namespace)
            {
                found.push(PodFinding {
                    field: "metadata.namespace",
                    rule: Some((key.clone(), String::new())),
                });
            }
        }
        for (key, spec, _) in self.binding() {
            let mut refuse = |field, policy_field: String, refused: bool| {
                if refused {
                    found.push(PodFinding { field, rule: Some((key.clone(), policy_field)) });
                }
            };
            self.residency(spec, &mut refuse);
            self.isolation(spec, &mut refuse);
            if !lenient {
                self.classes_and_images(spec, &mut refuse);
            }
            let denied = spec.unmanaged_accelerators == Some(UnmanagedAccelerators::Deny);
            refuse("spec", "spec.unmanagedAccelerators".to_owned(), denied && !self.made_by_chain());
        }
        self.findings.extend(found);
    }

    fn residency(&self, spec: &AIPolicySpec, refuse: &mut impl FnMut(&'static str, String, bool)) {
        let names = |values: &[String]| values.iter().cloned().collect::<BTreeSet<_>>();
        let residency = spec.residency.as_ref();
        if let Some(regions) = residency.and_then(|all| all.regions.as_ref()) {
            let regions = names(&regions.iter().map(ToString::to_string).collect::<Vec<_>>());
            refuse(
                AFFINITY_FIELD,
                "spec.residency.regions".to_owned(),
                !self.stays_within(NODE_REGION, &regions),
            );
        }
        let of_class =
            spec.information_classes.iter().flatten().filter(|rule| Some(rule.class) == self.class_of_pod());
        let lists = residency
            .and_then(|all| all.data_centres.as_ref())
            .map(|list| ("spec.residency.dataCentres".to_owned(), list))
            .into_iter()
            .chain(of_class.filter_map(|rule| {
                Some((
                    format!("spec.informationClasses[class={}].dataCentres", rule.class),
                    rule.data_centres.as_ref()?,
                ))
            }));
        for (policy_field, list) in lists {
            let list = names(&list.iter().map(ToString::to_string).collect::<Vec<_>>());
            refuse(AFFINITY_FIELD, policy_field, !self.stays_within(NODE_DATA_CENTRE, &list));
        }
    }

    fn isolation(&self, spec: &AIPolicySpec, refuse: &mut impl FnMut(&'static str, String, bool)) {
        let of_class =
            spec.information_classes.iter().flatten().filter(|rule| Some(rule.class) == self.class_of_pod());
        for rule in of_class {
            let path = format!("spec.informationClasses[class={}]", rule.class);
            let whole = BTreeSet::from([WHOLE_DEVICES.to_owned()]);
            let unlabelled =
                rule.require_devices_label == Some(true) && !self.stays_within(NODE_DEVICES, &whole);
            refuse(AFFINITY_FIELD, format!("{path}.requireDevicesLabel"), unlabelled);
            let Some(isolation) = rule.isolation else { continue };
            let accompanied = isolation == Isolation::WholeNode && !self.keeps_node_to_itself();
            refuse("spec", format!("{path}.isolation"), self.may_share(isolation) || accompanied);
        }
    }

    /// Whether the pod requests something less than `demanded`, or may go to a node where what it requests is less.
    fn may_share(&self, demanded: Isolation) -> bool {
        if self.claims_devices() && demanded > Isolation::Shared {
            return true;
        }
        self.resources().iter().any(|resource| {
            let by_name = match kind_of(resource).map(|(_, kind)| kind) {
                _ if !self.settings.other_devices.is_accelerator(resource) => Isolation::WholeNode,
                Some(ResourceKind::Device) => Isolation::WholeNode,
                Some(ResourceKind::Partition(_)) if !resource.ends_with(".shared") => Isolation::Partition,
                _ => Isolation::Shared,
            };
            let tests = label_tests(resource, demanded.min(Isolation::WholeDevice));
            by_name < demanded.min(Isolation::WholeDevice) || !tests.iter().all(|test| self.keeps_off(test))
        })
    }

    /// Whether every term of the required affinity keeps the pod off nodes that fail the test.
    fn keeps_off(&self, test: &LabelTest) -> bool {
        let says = |term: &NodeSelectorTerm| {
            term.match_expressions.iter().flatten().any(|one| {
                let values = one.values.as_deref().unwrap_or_default();
                let excludes = |value: &&str| values.iter().any(|other| other == value);
                one.key == test.label
                    && match one.operator.as_str() {
                        "DoesNotExist" => true,
                        "NotIn" => !test.not.is_empty() && test.not.iter().all(excludes),
                        _ => false,
                    }
            })
        };
        let terms = self.terms();
        !terms.is_empty() && terms.iter().all(says)
    }

    fn keeps_node_to_itself(&self) -> bool {
        let affinity = self.spec.affinity.as_ref().and_then(|affinity| affinity.pod_anti_affinity.as_ref());
        let terms = affinity.and_then(|one| one.required_during_scheduling_ignored_during_execution.as_ref());
        let apart = |term: &PodAffinityTerm| {
            let selector = term.label_selector.clone().unwrap_or_default();
            let expressions = selector.match_expressions.unwrap_or_default();
            let own = self.label(MODEL_DEPLOYMENT_UID);
            let of_models = |one: &LabelSelectorRequirement| one.key == MODEL_DEPLOYMENT_UID;
            let is_wide = |one: &LabelSelectorRequirement| {
                let its_own = || one.values.iter().flatten().all(|value| value == own);
                of_models(one) && (one.operator == "Exists" || (one.operator == "NotIn" && its_own()))
            };
            term.topology_key == HOSTNAME
                && term.namespace_selector.as_ref().is_some_and(|selector| {
                    selector.match_labels.as_ref().is_none_or(BTreeMap::is_empty)
                        && selector.match_expressions.as_ref().is_none_or(Vec::is_empty)
                })
                && selector.match_labels.is_none_or(|labels| labels.is_empty())
                && term.match_label_keys.as_ref().is_none_or(Vec::is_empty)
                && term.mismatch_label_keys.as_ref().is_none_or(Vec::is_empty)
                && expressions.iter().any(|one| of_models(one) && one.operator == "Exists")
                && expressions.iter().all(is_wide)
        };
        terms.into_iter().flatten().any(apart)
    }

    fn classes_and_images(&self, spec: &AIPolicySpec, refuse: &mut impl FnMut(&'static str, String, bool)) {
        if let Some(rules) = &spec.information_classes {
            let listed = rules.iter().any(|rule| Some(rule.class) == self.class_of_pod());
            refuse(CLASS_LABEL, "spec.informationClasses".to_owned(), !listed);
        }
        let Some(images) = &spec.images else { return };
        let volumes = self.spec.volumes.iter().flatten().filter_map(|volume| volume.image.as_ref());
        let of_volumes = volumes.map(|image| image.reference.clone().unwrap_or_default());
        let of_containers = containers(self.spec).map(|one| one.image.unwrap_or_default().to_owned());
        let references: Vec<String> = of_containers.chain(of_volumes).collect();
        if let Some(registries) = &images.registries {
            let list = registries.iter().map(ToString::to_string).collect();
            let foreign = references.iter().any(|one| !image_is_listed(&list, one));
            refuse(IMAGE, "spec.images.registries".to_owned(), foreign);
        }
        let unnamed = references.iter().any(|one| !names_image_by_digest(one));
        refuse(IMAGE, "spec.images.requireDigest".to_owned(), images.require_digest == Some(true) && unnamed);
    }
}
