//! What holds where the root namespace says nothing: nothing is allowed. And what holds of every pod that uses an
//! accelerator, whatever a policy says.

use std::collections::BTreeMap;

use hemvist_api::AIPolicy;
use hemvist_api::labels::{
    APP_MANAGED_BY, HEMVIST, INFORMATION_CLASS, MODEL_DEPLOYMENT, MODEL_DEPLOYMENT_UID, NODE_CLEARANCE,
};
use hemvist_api::values::{InformationClass, RiskClass, UnmanagedAccelerators};

use super::{always, governed, is_cluster_controller, is_operator, operator_only_probes, user};
use crate::admission::accelerator::{asks_runtime_expr, some_container};
use crate::admission::cel::{Expr, all, any, has, name, text, texts};
use crate::admission::models::{self, arguments};
use crate::admission::object::{Compiled, Door, Message, Rule};
use crate::admission::pods::{self, AFFINITY_FIELD, label, made_by_chain, stays_within};
use crate::admission::scope::Scope;
use crate::policy::policy_field;
use crate::snapshot::Settings;
use crate::violation::{AllowList, listing, noun};

/// Where policies of the root namespace speak of what.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    /// Where one binds at all.
    pub bound: Scope,
    /// Where one states a list.
    lists: BTreeMap<AllowList, Scope>,
    /// Where one states data centres for one class.
    class_data_centres: BTreeMap<InformationClass, Scope>,
    /// Where one lists arguments.
    arguments: Scope,
    /// Where one lets others than Hemvist make pods with accelerators, if their content is right.
    pub unmanaged: Scope,
}

impl Spoken {
    /// What is spoken of where there is no policy: nothing.
    pub fn silence() -> Self {
        Self {
            bound: Scope::nowhere(),
            lists: BTreeMap::new(),
            class_data_centres: BTreeMap::new(),
            arguments: Scope::nowhere(),
            unmanaged: Scope::nowhere(),
        }
    }

    /// Adds what a policy of the root namespace speaks of in the namespaces that it binds.
    pub fn add(&mut self, policy: &AIPolicy, scope: &Scope) {
        let spec = &policy.spec;
        self.bound = self.bound.union(scope);
        let (residency, models) = (spec.residency.as_ref(), spec.models.as_ref());
        let engines = spec.engines.as_ref();
        let stated = [
            (AllowList::InformationClasses, spec.information_classes.is_some()),
            (AllowList::RiskClasses, spec.risk_classes.is_some()),
            (AllowList::DataCentres, residency.is_some_and(|all| all.data_centres.is_some())),
            (AllowList::Licences, models.is_some_and(|all| all.licences.is_some())),
            (AllowList::Formats, models.is_some_and(|all| all.formats.is_some())),
            (AllowList::Registries, spec.images.as_ref().is_some_and(|all| all.registries.is_some())),
            (AllowList::Engines, engines.is_some_and(|all| all.types.is_some())),
        ];
        for (list, _) in stated.into_iter().filter(|(_, stated)| *stated) {
            widen(self.lists.entry(list).or_insert_with(Scope::nowhere), scope);
        }
        for rule in spec.information_classes.iter().flatten().filter(|rule| rule.data_centres.is_some()) {
            widen(self.class_data_centres.entry(rule.class).or_insert_with(Scope::nowhere), scope);
        }
        if engines.is_some_and(|all| all.allowed_args.is_some()) {
            widen(&mut self.arguments, scope);
        }
        if spec.unmanaged_accelerators == Some(UnmanagedAccelerators::RequireResidency) {
            widen(&mut self.unmanaged, scope);
        }
    }

    /// What both speak of: what stays open while one takes the place of the other.
    #[must_use]
    pub fn both(&self, other: &Self) -> Self {
        let both = |one: &Scope, two: &Scope| one.intersection(two);
        let lists =
            self.lists.iter().filter_map(|(list, scope)| Some((*list, both(scope, other.lists.get(list)?))));
        let classes = self
            .class_data_centres
            .iter()
            .filter_map(|(class, scope)| Some((*class, both(scope, other.class_data_centres.get(class)?))));
        Self {
            bound: both(&self.bound, &other.bound),
            lists: lists.collect(),
            class_data_centres: classes.collect(),
            arguments: both(&self.arguments, &other.arguments),
            unmanaged: both(&self.unmanaged, &other.unmanaged),
        }
    }

    fn list(&self, list: AllowList) -> Expr {
        self.lists.get(&list).map_or(Expr::Bool(false), Scope::holds_request)
    }

    /// Whether data centres are listed for every class, or for that of the object.
    fn data_centres(&self, of_object: &Expr) -> Expr {
        let of_class = self.class_data_centres.iter().map(|(class, scope)| {
            all([of_object.clone().equals(text(class.as_str())), scope.holds_request()])
        });
        any(std::iter::once(self.list(AllowList::DataCentres)).chain(of_class))
    }

    fn stated(&self, list: AllowList, class: &Expr) -> Expr {
        if list == AllowList::DataCentres { self.data_centres(class) } else { self.list(list) }
    }
}

fn widen(scope: &mut Scope, by: &Scope) {
    *scope = scope.union(by);
}

/// A list that nobody states allows nothing.
fn unspoken(spoken: &Spoken, field: &str, list: AllowList, class: &Expr) -> Rule {
    let policy_field = policy_field(list);
    Rule::new(
        spoken.stated(list, class),
        Message::new(format!(
            "{field}: no AIPolicy of the root namespace states {policy_field} here, so no {} is allowed. State \
             {policy_field} in an AIPolicy of the root namespace.",
            noun(list)
        )),
    )
}

fn bound(spoken: &Spoken, settings: &Settings) -> Rule {
    let root = &settings.root_namespace;
    Rule::new(
        spoken.bound.holds_request(),
        Message::new(format!(
            "metadata.namespace: no AIPolicy of {root} binds the namespace, so nothing is allowed in it. Create an AIPolicy \
             in {root} that binds this namespace."
        )),
    )
}

/// ModelDeployments of which no policy speaks.
pub(in crate::admission) fn models(settings: &Settings, spoken: &Spoken) -> Compiled {
    let mut rules = vec![
        Rule::new(
            operator_only_probes(settings),
            Message::new("Hemvist itself makes no ModelDeployments; it only tries whether they are refused."),
        ),
        Rule::new(
            governed(settings).holds_request(),
            Message::new(
                "metadata.namespace: the namespace is not governed, so no model is served in it. Move the ModelDeployment \
                 to a governed namespace.",
            ),
        ),
        Rule::new(
            models::risk_of_model().differs(text(RiskClass::Unacceptable.as_str())),
            Message::new(
                "spec.purpose.riskClass: Unacceptable risk is forbidden by AI Act (Regulation (EU) 2024/1689) Article 5. No \
                 policy can allow it.",
            ),
        ),
        bound(spoken, settings),
    ];
    let fields = [
        ("spec.purpose.informationClass", AllowList::InformationClasses),
        ("spec.purpose.riskClass", AllowList::RiskClasses),
        ("spec.purpose.informationClass", AllowList::DataCentres),
        ("spec.model.licence", AllowList::Licences),
        ("spec.model.format", AllowList::Formats),
        ("spec.engine.image", AllowList::Registries),
        ("spec.engine.type", AllowList::Engines),
    ];
    rules.extend(fields.map(|(field, list)| unspoken(spoken, field, list, &models::class_of_model())));
    let nothing_further = std::collections::BTreeSet::new();
    let and_not_there = "and no AIPolicy of the root namespace states spec.engines.allowedArgs here";
    rules.push(arguments(&nothing_further, and_not_there, Some(spoken.arguments.holds_request())));
    Compiled {
        exempt: vec![models::unchanged()],
        ..always("hemvist-models", Scope::everywhere(), &[models::DOOR], rules)
    }
}

/// Every pod that uses an accelerator, and every pod that says that it belongs to a model.
pub(in crate::admission) fn pods(settings: &Settings, spoken: &Spoken) -> Compiled {
    const STATUS: Door = Door { group: "", resources: &["pods/status"], operations: &["UPDATE"] };
    let firm = vec![
        Rule::new(
            operator_only_probes(settings),
            Message::new("Hemvist itself makes no pods; it only tries whether they are refused."),
        ),
        labels_of_models(settings),
        pods_of_models(settings),
    ];
    let class = pods::class_of_pod();
    let rules = [
        vec![identity(settings, spoken), known_class(), bound(spoken, settings)],
        vec![unspoken(spoken, "metadata.labels", AllowList::InformationClasses, &class)],
        vec![unspoken(spoken, AFFINITY_FIELD, AllowList::DataCentres, &class)],
        vec![unspoken(spoken, "spec.containers[].image", AllowList::Registries, &class)],
        clearance(),
        host(),
        scheduling(settings),
        sensitive(),
    ];
    let terms = pods::variables().into_iter().filter(|(name, _)| *name == "terms");
    Compiled {
        firm,
        exempt: pods::exempt(&settings.other_devices),
        variables: terms.collect(),
        ..always("hemvist-pods", governed(settings), &[pods::DOOR, STATUS], rules.concat())
    }
}

/// The labels that lead requests, budgets and network policies to a pod are given by templates of Hemvist alone, and stay.
fn labels_of_models(settings: &Settings) -> Rule {
    let of = |object: &'static str, one: &'static str| label(name(object), one);
    let is_new = || name("request").field("operation").equals(text("CREATE"));
    let free_of_them = all([
        of("object", MODEL_DEPLOYMENT_UID).equals(text("")),
        of("object", MODEL_DEPLOYMENT).equals(text("")),
        of("object", APP_MANAGED_BY).differs(text(HEMVIST)),
    ]);
    let is_same = |one| of("object", one).equals(of("oldObject", one));
    // Who belongs to no model may change its class, and is judged by the new one.
    let same_class =
        any([is_same(INFORMATION_CLASS), of("oldObject", MODEL_DEPLOYMENT_UID).equals(text(""))]);
    let same = all([MODEL_DEPLOYMENT_UID, MODEL_DEPLOYMENT, APP_MANAGED_BY]
        .map(is_same)
        .into_iter()
        .chain([same_class]));
    let makers = user().is_in(texts(&settings.identities.pod_makers));
    let holds = is_new().choose(any([makers, free_of_them]), same);
    let message = Message::new(format!(
        "metadata.labels: {MODEL_DEPLOYMENT}, {MODEL_DEPLOYMENT_UID} and {APP_MANAGED_BY}={HEMVIST} are given to the pods \
         of models by their controller alone, and neither they nor the class of such a pod are changed by "
    ))
    .value(user())
    .words(". Leave them out, or change the ModelDeployment.");
    Rule::new(holds, message)
}

/// A pod of a model stays as its controller made it. Debugging containers are judged by their own rule.
fn pods_of_models(settings: &Settings) -> Rule {
    let is_new = name("request").field("operation").equals(text("CREATE"));
    let debugs = name("request").maybe("subResource").or_empty().equals(text("ephemeralcontainers"));
    let of_nobody = || label(name("oldObject"), MODEL_DEPLOYMENT_UID).equals(text(""));
    let same = |field| {
        let of = |object| name(object).field("metadata").maybe(field);
        of("object").equals(of("oldObject"))
    };
    let same_spec = name("object").field("spec").equals(name("oldObject").field("spec"));
    let same = all([any([debugs, same_spec]), same("labels"), same("annotations"), same("ownerReferences")]);
    let by_cluster = any([is_cluster_controller(settings), is_operator(settings)]);
    let message = Message::new(
        "metadata and spec: the pod belongs to a model and stays as it was made; it is not changed by ",
    )
    .value(user())
    .words(". Change the ModelDeployment.");
    Rule::new(any([is_new, of_nobody(), same, by_cluster]), message)
}

fn identity(settings: &Settings, spoken: &Spoken) -> Rule {
    let holds = any([made_by_chain(settings), spoken.unmanaged.holds_request()]);
    let message = Message::new(
        "spec: the pod asks for an accelerator (a resource, claim, device variable, runtime class, host device or \
         privilege), and no ModelDeployment made it; it was sent by ",
    )
    .value(user())
    .words(
        ". No AIPolicy of the root namespace states unmanagedAccelerators: RequireResidency here. Serve the model by a \
         ModelDeployment.",
    );
    Rule::new(holds, message)
}

fn known_class() -> Rule {
    Rule::new(
        pods::class_of_pod().is_in(texts(InformationClass::ALL)),
        Message::new(format!(
            "metadata.labels[{INFORMATION_CLASS}]: a pod that uses an accelerator says which class of information it is given; \
             {} are known. State it.",
            listing(InformationClass::ALL.iter(), "none")
        )),
    )
}

/// A node may hold the classes up to its clearance.
fn clearance() -> Vec<Rule> {
    let rule = |class: &InformationClass| {
        let levels: Vec<_> = InformationClass::ALL.iter().filter(|level| *level >= class).collect();
        let listed = listing(levels.iter(), "none");
        Rule::new(
            pods::class_of_pod().equals(text(class.as_str())).implies(stays_within(NODE_CLEARANCE, levels)),
            Message::new(format!(
                "{AFFINITY_FIELD}: a pod of class {class} that uses an accelerator goes to nodes with clearance {listed} \
                 alone. Let every node selector term require {NODE_CLEARANCE} In values of that list, or serve the model \
                 by a ModelDeployment, which does it."
            )),
        )
    };
    InformationClass::ALL.iter().map(rule).collect()
}

/// Nothing of the host: past its network no policy holds, and past its files no isolation.
fn host() -> Vec<Rule> {
    let pod = || name("object").field("spec");
    let shared =
        ["hostNetwork", "hostPID", "hostIPC"].map(|field| pod().maybe(field).or_value(Expr::Bool(false)));
    let volumes = pod().maybe("volumes").or_none();
    let asks = some_container(&pod(), "c", &asks_runtime_expr(&name("c")));
    vec![
        Rule::new(
            !any(shared),
            Message::new(
                "spec: a pod that uses an accelerator does not share network, processes or memory of its node. Leave \
                 hostNetwork, hostPID and hostIPC out.",
            ),
        ),
        Rule::new(
            !volumes.some("v", has(name("v").field("hostPath"))),
            Message::new(
                "spec.volumes: a pod that uses an accelerator mounts nothing of its node. Leave hostPath volumes out.",
            ),
        ),
        Rule::new(
            !asks,
            Message::new(
                "spec.containers: a pod that uses an accelerator gets it from the scheduler alone. Leave privileged and \
                 variables such as NVIDIA_VISIBLE_DEVICES out, and ask for the resource.",
            ),
        ),
    ]
}

/// Nothing that leads the pod past the scheduler.
fn scheduling(settings: &Settings) -> Vec<Rule> {
    let pod = || name("object").field("spec");
    let is_new = name("request").field("operation").equals(text("CREATE"));
    let unbound = pod().maybe("nodeName").or_empty().equals(text(""));
    let blanket = all([
        name("t").maybe("operator").or_empty().equals(text("Exists")),
        name("t").maybe("key").or_empty().equals(text("")),
    ]);
    let schedulers = &settings.identities.scheduler_names;
    vec![
        Rule::new(
            is_new.implies(unbound),
            Message::new(
                "spec.nodeName: the scheduler alone chooses the node of a pod that uses an accelerator. Leave it out.",
            ),
        ),
        Rule::new(
            pod().maybe("schedulerName").or_empty().is_in(texts(schedulers)),
            Message::new(format!(
                "spec.schedulerName: a pod that uses an accelerator is scheduled by {}. Leave it out.",
                listing(schedulers.iter(), "no scheduler")
            )),
        ),
        Rule::new(
            !pod().maybe("tolerations").or_none().some("t", blanket),
            Message::new(
                "spec.tolerations: a pod that uses an accelerator does not tolerate every taint. Give each toleration a key.",
            ),
        ),
    ]
}

/// What is kept from the pods of models with sensitive information, and how they are told.
fn sensitive() -> Vec<Rule> {
    let debug = name("object").field("spec").maybe("ephemeralContainers").or_none();
    let classes = [InformationClass::Sensitive, InformationClass::Secret];
    let named = classes.map(|class| {
        let part = format!("--{}-", class.as_str().to_ascii_lowercase());
        let told = name("object").path(["metadata", "name"]).call("contains", [text(part)]);
        pods::class_of_pod().equals(text(class.as_str())).implies(told)
    });
    vec![
        Rule::new(
            any([!pods::class_of_pod().is_in(texts(classes)), debug.call("size", []).equals(Expr::Int(0))]),
            Message::new(
                "spec.ephemeralContainers: pods of class Sensitive and Secret take no debugging containers. Try it with a \
                 model of class Open.",
            ),
        ),
        Rule::new(
            all(named),
            Message::new(
                "metadata.name: the name of a pod of class Sensitive or Secret that uses an accelerator has --sensitive- or \
                 --secret- in it, because exec and its kin are refused by the name. Name it so.",
            ),
        ),
    ]
}
