//! Default deny: what no policy of the root namespace covers is denied. And what holds of every pod that uses an
//! accelerator, whatever a policy says.

use std::collections::BTreeMap;

use hemvist_api::AIPolicy;
use hemvist_api::labels::{
    APP_MANAGED_BY, HEMVIST, INFORMATION_CLASS, MODEL_DEPLOYMENT, MODEL_DEPLOYMENT_UID, NODE_CLEARANCE,
    NODE_DEDICATED_TAINT,
};
use hemvist_api::values::{EngineType, InformationClass, RiskClass, UnmanagedAccelerators};

use super::{always, governed, is_cluster_controller, is_operator, operator_only_probes, user};
use crate::admission::accelerator::{asks_runtime_expr, given_devices_expr, some_container};
use crate::admission::cel::{Expr, all, any, has, name, text, texts};
use crate::admission::message::{Fact, Message};
use crate::admission::models::{self, arguments};
use crate::admission::object::{Compiled, MatchRule, Rule};
use crate::admission::pods::{self, AFFINITY_FIELD, label, made_by_chain, stays_within};
use crate::admission::scope::Scope;
use crate::rules::{listing, object};
use crate::snapshot::Settings;
use crate::violation::{AllowList, Finding, Violation};

/// Where policies of the root namespace speak of what.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
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

impl Coverage {
    /// The coverage where there is no policy: nothing.
    pub fn none() -> Self {
        Self {
            bound: Scope::nowhere(),
            lists: BTreeMap::new(),
            class_data_centres: BTreeMap::new(),
            arguments: Scope::nowhere(),
            unmanaged: Scope::nowhere(),
        }
    }

    /// Adds what a policy of the root namespace covers in the namespaces that it applies to.
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

/// A list that no policy sets allows nothing. `field` is the field of the object, as an expression where it depends on it.
fn not_covered(coverage: &Coverage, settings: &Settings, field: Expr, list: AllowList, class: &Expr) -> Rule {
    let policy_field = list.policy_field().to_owned();
    let finding =
        Finding::ListNotStated { list, policy_field, root_namespace: settings.root_namespace.clone() };
    let message = Message::about(&Violation::plain("", finding), [("field", field)]);
    Rule::new(coverage.stated(list, class), message)
}

fn bound(coverage: &Coverage, settings: &Settings) -> Rule {
    let finding = Finding::NoPolicy { root_namespace: settings.root_namespace.clone() };
    Rule::new(coverage.bound.holds_request(), plain("metadata.namespace", finding))
}

/// The message of a finding that needs no policy and is the same for every object.
fn plain(field: &str, finding: Finding) -> Message {
    Message::about(&Violation::plain(field, finding), [])
}

/// ModelDeployments of which no policy speaks.
pub(in crate::admission) fn models(settings: &Settings, coverage: &Coverage) -> Compiled {
    let mut rules = vec![
        Rule::new(operator_only_probes(settings), Message::of_rule(&object::OPERATOR_SENDS_MODEL, [])),
        Rule::new(
            governed(settings).holds_request(),
            plain("metadata.namespace", Finding::UngovernedNamespace),
        ),
        Rule::new(
            models::risk_of_model().differs(text(RiskClass::Unacceptable.as_str())),
            plain("spec.purpose.riskClass", Finding::RiskClassUnacceptable),
        ),
        bound(coverage, settings),
    ];
    let fields = [
        (text("spec.purpose.informationClass"), AllowList::InformationClasses),
        (text("spec.purpose.riskClass"), AllowList::RiskClasses),
        (models::field_of_data_centres(), AllowList::DataCentres),
        (text("spec.model.licence"), AllowList::Licences),
        (text("spec.model.format"), AllowList::Formats),
        (text("spec.engine.image"), AllowList::Registries),
        (text("spec.engine.type"), AllowList::Engines),
    ];
    let class = models::class_of_model();
    rules.extend(fields.map(|(field, list)| not_covered(coverage, settings, field, list, &class)));
    let unlisted = Finding::ArgumentNotStated {
        argument: String::new(),
        engine: EngineType::Custom,
        root_namespace: settings.root_namespace.clone(),
    };
    let stated = Some(coverage.arguments.holds_request());
    rules.push(arguments(&std::collections::BTreeSet::new(), &Violation::plain("", unlisted), stated));
    Compiled {
        exempt: vec![models::unchanged()],
        ..always("hemvist-models", Scope::everywhere(), &[models::MATCH_RULE], rules)
    }
}

/// Every pod that uses an accelerator, and every pod that says that it belongs to a model.
pub(in crate::admission) fn pods(settings: &Settings, coverage: &Coverage) -> Compiled {
    const STATUS: MatchRule = MatchRule { group: "", resources: &["pods/status"], operations: &["UPDATE"] };
    let without_exemption = vec![
        Rule::new(operator_only_probes(settings), Message::of_rule(&object::OPERATOR_SENDS_POD, [])),
        labels_of_models(settings),
        pods_of_models(settings),
    ];
    let class = pods::class_of_pod();
    let rules = [
        vec![identity(settings, coverage), known_class(), bound(coverage, settings)],
        vec![not_covered(coverage, settings, text("metadata.labels"), AllowList::InformationClasses, &class)],
        vec![not_covered(coverage, settings, text(AFFINITY_FIELD), AllowList::DataCentres, &class)],
        vec![not_covered(coverage, settings, text("spec.containers[].image"), AllowList::Registries, &class)],
        clearance(),
        host(settings),
        scheduling(settings),
        sensitive(),
    ];
    let terms = pods::variables().into_iter().filter(|(name, _)| *name == "terms");
    Compiled {
        without_exemption,
        exempt: pods::exempt(&settings.other_devices),
        variables: terms.collect(),
        ..always("hemvist-pods", governed(settings), &[pods::MATCH_RULE, STATUS], rules.concat())
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
    let labels = format!("{MODEL_DEPLOYMENT}, {MODEL_DEPLOYMENT_UID} and {APP_MANAGED_BY}={HEMVIST}");
    let facts = [("labels", Fact::text(&labels)), ("user", Fact::Value(user()))];
    let message = Message::of_rule(&object::LABELS_RESERVED, facts);
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
    let message = Message::of_rule(&object::POD_OF_MODEL_CHANGED, [("user", Fact::Value(user()))]);
    Rule::new(any([is_new, of_nobody(), same, by_cluster]), message)
}

fn identity(settings: &Settings, coverage: &Coverage) -> Rule {
    let holds = any([made_by_chain(settings), coverage.unmanaged.holds_request()]);
    let message = Message::of_rule(&object::NOT_OF_A_MODEL, [("user", Fact::Value(user()))]);
    Rule::new(holds, message)
}

fn known_class() -> Rule {
    Rule::new(
        pods::class_of_pod().is_in(texts(InformationClass::ALL)),
        Message::of_rule(
            &object::CLASS_NOT_STATED,
            [("classes", Fact::text(&listing(InformationClass::ALL.iter(), "none")))],
        ),
    )
}

/// A node may hold the classes up to its clearance.
fn clearance() -> Vec<Rule> {
    let rule = |class: &InformationClass| {
        let levels: Vec<_> = InformationClass::ALL.iter().filter(|level| *level >= class).collect();
        let listed = listing(levels.iter(), "none");
        Rule::new(
            pods::class_of_pod().equals(text(class.as_str())).implies(stays_within(NODE_CLEARANCE, levels)),
            Message::of_rule(
                &object::BEYOND_CLEARANCE,
                [
                    ("class", Fact::text(class)),
                    ("listed", Fact::text(&listed)),
                    ("label", Fact::text(NODE_CLEARANCE)),
                ],
            ),
        )
    };
    InformationClass::ALL.iter().map(rule).collect()
}

/// Nothing of the host: past its network no policy holds, and past its files no isolation.
fn host(settings: &Settings) -> Vec<Rule> {
    let pod = || name("object").field("spec");
    let shared =
        ["hostNetwork", "hostPID", "hostIPC"].map(|field| pod().maybe(field).or_value(Expr::Bool(false)));
    let volumes = pod().maybe("volumes").or_none();
    let asks = some_container(&pod(), "c", &asks_runtime_expr(&name("c")));
    let given = given_devices_expr(&settings.other_devices, &pod(), &name("object").field("metadata"));
    vec![
        Rule::new(!any(shared), Message::of_rule(&object::HOST_SHARED, [])),
        Rule::new(
            !volumes.some("v", has(name("v").field("hostPath"))),
            Message::of_rule(&object::HOST_PATH_MOUNTED, []),
        ),
        Rule::new(!any([asks, given]), Message::of_rule(&object::DEVICE_TAKEN, [])),
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
    let dedicated = name("t").maybe("key").or_empty().equals(text(NODE_DEDICATED_TAINT));
    let schedulers = &settings.identities.scheduler_names;
    vec![
        Rule::new(is_new.implies(unbound), Message::of_rule(&object::NODE_NAMED, [])),
        Rule::new(
            pod().maybe("schedulerName").or_empty().is_in(texts(schedulers)),
            Message::of_rule(
                &object::OTHER_SCHEDULER,
                [("schedulers", Fact::text(&listing(schedulers.iter(), "no scheduler")))],
            ),
        ),
        Rule::new(
            !pod().maybe("tolerations").or_none().some("t", blanket),
            Message::of_rule(&object::TAINTS_TOLERATED, []),
        ),
        Rule::new(
            any([made_by_chain(settings), !pod().maybe("tolerations").or_none().some("t", dedicated)]),
            Message::of_rule(&object::DEDICATED_TOLERATED, []),
        ),
    ]
}

/// What is kept from the pods of models with sensitive information, and how they are recognised.
fn sensitive() -> Vec<Rule> {
    let debug = name("object").field("spec").maybe("ephemeralContainers").or_none();
    let classes = [InformationClass::Sensitive, InformationClass::Secret];
    let named = classes.map(|class| {
        let part = format!("--{}-", class.as_str().to_ascii_lowercase());
        let named = name("object").path(["metadata", "name"]).call("contains", [text(part)]);
        pods::class_of_pod().equals(text(class.as_str())).implies(named)
    });
    vec![
        Rule::new(
            any([!pods::class_of_pod().is_in(texts(classes)), debug.call("size", []).equals(Expr::Int(0))]),
            Message::of_rule(&object::DEBUG_CONTAINER, []),
        ),
        Rule::new(all(named), Message::of_rule(&object::CLASS_NOT_IN_NAME, [])),
    ]
}
