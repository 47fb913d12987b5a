//! Faults of the compiler, made on purpose in what it has compiled.

use hemvist_api::values::Enforcement;
use hemvist_core::admission::cel::{Expr, Operator, Quantifier, name, text};
use hemvist_core::admission::{Admission, Compiled, Scope, compile};
use hemvist_core::snapshot::Settings;
use hemvist_core::snapshot::{PolicyBook, PolicyEntry};
use k8s_openapi::jiff::civil::{Date, date};

use crate::exceptions::{ELSEWHERE, MODELS};
use crate::policies::{TODAY, Under};

/// A fault of the compiler.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What it is.
    pub name: String,
    /// Under which policies it is tried.
    pub under: Under,
    change: Change,
}

#[derive(Clone, Debug)]
enum Change {
    /// Nothing: the control.
    Nothing,
    /// Rules whose message has these words are forgotten.
    Drop(&'static str),
    /// Every text that has this part has another one.
    Text(&'static str, &'static str),
    /// Another field is looked at.
    Field(&'static str, &'static str),
    /// Lists that have this value have another one too.
    Add(&'static str, &'static str),
    /// Lists no longer have this value.
    Remove(&'static str),
    /// One macro stands for another.
    Macro(Quantifier, Quantifier),
    /// One operator stands for another.
    Operator(Operator, Operator),
    /// The rules whose message has these words say the contrary.
    Negate(&'static str),
    /// The rules whose message has these words fail.
    Fail(&'static str),
    /// Nothing is judged of these requests.
    Exempt(&'static str),
    /// It judges no namespace.
    Nowhere,
    /// A breach is only written down.
    OnlyAudit,
    /// Hosts are compared letter by letter.
    CaseOfHosts,
    /// Every model is taken for the one of this name.
    Named(&'static str),
    /// Every model is taken for one of this namespace.
    Within(&'static str),
    /// It is compiled as of another day.
    Today(Date),
    /// What a department excepts counts as if the root namespace had said it.
    ByDepartments,
}

/// Words of the rules that are forgotten one by one.
const DROPPED: [&str; 27] = [
    "(spec.informationClasses)",
    "(spec.riskClasses)",
    "(spec.residency.dataCentres)",
    "(spec.residency.regions)",
    "].dataCentres)",
    "].isolation)",
    "requires.assessments)",
    "requires.humanOversight)",
    "requires.transparencyNotice)",
    "requires.recordReference)",
    "(spec.images.registries)",
    "(spec.images.requireDigest)",
    "(spec.models.licences)",
    "(spec.models.formats)",
    "(spec.models.requireDigest)",
    "(spec.engines.types)",
    "(spec.engines.allowedArgs)",
    "Article 5",
    "with clearance",
    "must not mount hostPath",
    "must not share the host's network",
    "must request it as a resource",
    "spec.nodeName",
    "spec.schedulerName",
    "spec.tolerations",
    "metadata.name",
    "metadata.labels: ",
];

pub fn none() -> Vec<Fault> {
    let under = [
        Under::Open,
        Under::Closed,
        Under::Denied,
        Under::Unreadable,
        Under::Unbound,
        Under::NothingSet,
        Under::Lenient,
        Under::Excepted,
    ];
    under.map(|under| Fault { name: format!("no fault, {under:?}"), under, change: Change::Nothing }).into()
}

/// Changes that are no faults, because no object that can be sent shows them.
///
/// The API server copies every limit of a container of a pod to its requests, where these do not name the resource
/// (`SetDefaults_Pod`), and it does so while it reads the pod, before any policy is asked. So no container has a resource in
/// `limits` that is not in `requests` too, and the rules look at both. Debugging containers, to which nothing is copied, may
/// not ask for resources at all. Templates are no pods: there limits are not copied, and `hemvist-workloads`, which judges
/// them, is not compared here.
pub fn equivalent() -> Vec<Fault> {
    vec![
        under(Under::Closed, Change::Field("limits", "limitz")),
        under(Under::Open, Change::Field("limits", "limitz")),
    ]
}

fn under(under: Under, change: Change) -> Fault {
    Fault { name: format!("{change:?}"), under, change }
}

fn open(change: Change) -> Fault {
    under(Under::Open, change)
}

/// Every fault that has to be found.
pub fn all() -> Vec<Fault> {
    let mut faults: Vec<Fault> = DROPPED.map(|words| open(Change::Drop(words))).into();
    faults.extend([
        under(Under::Denied, Change::Drop("(spec.unmanagedAccelerators)")),
        under(Under::Closed, Change::Drop("with an accelerator here (resource")),
        under(Under::Unreadable, Change::Drop("cannot be read")),
        under(Under::Unbound, Change::Drop("applies to this namespace, and the default")),
        under(Under::NothingSet, Change::Drop("in hemvist-system sets spec")),
        // Where policies deny, the list of classes refuses what is no class at all.
        under(Under::Lenient, Change::Drop("must have its information class")),
        open(Change::Text("In", "NotIn")),
        open(Change::Text(
            "hemvist.node-restriction.kubernetes.io/region",
            "hemvist.node-restriction.kubernetes.io/data-centre",
        )),
        open(Change::Text("[0-9a-f]{64}$", "[0-9a-f]{64}")),
        open(Change::Text("(@(?s:.)*)?$", "")),
        open(Change::Text(".shared", ".sharedx")),
        open(Change::Text("--sensitive-", "sensitive")),
        open(Change::Text("_VISIBLE_DEVICES", "_VISIBLE_DEVICES_")),
        under(Under::Closed, Change::Text("cdi.k8s.io/", "cdi.k8s.iox/")),
        under(Under::Closed, Change::Field("initContainers", "initContainerz")),
        under(Under::Closed, Change::Field("resourceClaims", "resourceClaimz")),
        under(Under::Closed, Change::Field("requests", "requestz")),
        under(Under::Closed, Change::Field("runtimeClassName", "runtimeClassNamez")),
        open(Change::Field("valueFrom", "valueFromz")),
        open(Change::Field("adapters", "adapterz")),
        open(Change::Add("varnamo", "oslo")),
        open(Change::Add("Secret", "Internal")),
        open(Change::Remove("jkpg-a")),
        open(Change::Macro(Quantifier::All, Quantifier::Exists)),
        open(Change::Macro(Quantifier::Exists, Quantifier::All)),
        open(Change::Operator(Operator::Equal, Operator::Unequal)),
        open(Change::Operator(Operator::Greater, Operator::Equal)),
        open(Change::Negate("(spec.models.formats)")),
        open(Change::Fail("(spec.models.formats)")),
        open(Change::Exempt("CREATE")),
        open(Change::Nowhere),
        open(Change::OnlyAudit),
        open(Change::CaseOfHosts),
    ]);
    faults.extend(of_exceptions());
    faults
}

fn of_exceptions() -> Vec<Fault> {
    let changes = [
        Change::Text(MODELS[0], "nobody"),
        Change::Named(MODELS[0]),
        Change::Within(ELSEWHERE),
        Change::Today(date(2026, 10, 31)),
        Change::Today(date(2026, 11, 2)),
        Change::ByDepartments,
    ];
    changes.map(|change| under(Under::Excepted, change)).into()
}

impl Fault {
    /// What the policies of a book are compiled to, with faults in what the compiler is given.
    pub fn compile(&self, book: &PolicyBook, settings: &Settings) -> Admission {
        match self.change {
            Change::Today(day) => compile(book, settings, day),
            Change::ByDepartments => compile(&excepted_by_departments(book, settings), settings, TODAY),
            _ => compile(book, settings, TODAY),
        }
    }

    /// Whether it changed anything: a fault that is not there cannot be found.
    pub fn apply(&self, compiled: &mut [Compiled]) -> bool {
        let before = compiled.to_vec();
        for one in compiled.iter_mut() {
            self.change.apply(one);
        }
        // Some are nothing, or are in what was compiled already.
        let elsewhere = matches!(self.change, Change::Nothing | Change::Today(_) | Change::ByDepartments);
        before != compiled || elsewhere
    }
}

impl Change {
    fn apply(&self, compiled: &mut Compiled) {
        match self {
            Self::Drop(words) => {
                compiled.for_each_list(|rules| rules.retain(|rule| !says(&rule.message, words)));
            }
            Self::Negate(words) => compiled.for_each_rule(words, |holds| *holds = !holds.clone()),
            Self::Fail(words) => compiled.for_each_rule(words, |holds| {
                let missing = name("object").path(["spec", "missing"]);
                *holds = missing.equals(Expr::Bool(true));
            }),
            Self::Exempt(operation) => {
                let of_request = name("request").field("operation");
                compiled.exempt.push(of_request.equals(text(*operation)));
            }
            Self::Nowhere => compiled.namespaces = Scope::Only(["elsewhere".to_owned()].into()),
            // The names of pods are judged by other rules.
            Self::Named(_) | Self::Within(_) if !compiled.name.starts_with("hemvist-models") => {}
            Self::OnlyAudit => compiled.actions = vec![(Enforcement::Audit, Scope::everywhere())],
            _ => compiled.for_each_tree(|tree| *tree = self.rewritten(tree.clone())),
        }
    }

    /// The tree with the fault in it.
    fn rewritten(&self, tree: Expr) -> Expr {
        match (self, tree) {
            // What stands for a part of the tree, whatever its value is.
            (Self::Named(value), tree) if tree == name("object").path(["metadata", "name"]) => text(*value),
            (Self::Within(value), tree) if tree == name("request").field("namespace") => text(*value),
            (Self::CaseOfHosts, Expr::Call { on: Some(on), function: "lowerAscii", .. }) => {
                self.rewritten(*on)
            }
            (_, tree) => self.at(tree).with_parts(|part| self.rewritten(part)),
        }
    }

    /// The expression with the fault in itself, and not in its parts.
    fn at(&self, expression: Expr) -> Expr {
        match (self, expression) {
            (_, Expr::Text(text)) => Expr::Text(self.text(&text)),
            (_, Expr::List(parts)) => Expr::List(self.list(parts)),
            (Self::Field(from, to), Expr::Field { of, name, optional }) if name == *from => {
                Expr::Field { of, name: to, optional }
            }
            (Self::Macro(from, to), Expr::Each { of, quantifier, variable, body }) if quantifier == *from => {
                Expr::Each { of, quantifier: *to, variable, body }
            }
            (Self::Operator(from, to), Expr::Compare { left, operator, right }) if operator == *from => {
                Expr::Compare { left, operator: *to, right }
            }
            (_, other) => other,
        }
    }

    fn text(&self, text: &str) -> String {
        match self {
            // An operator of an affinity is a whole text; anything else is a part of one.
            Self::Text(from @ "In", to) => {
                if text == *from {
                    (*to).to_owned()
                } else {
                    text.to_owned()
                }
            }
            Self::Text(from, to) => text.replace(from, to),
            _ => text.to_owned(),
        }
    }

    fn list(&self, mut parts: Vec<Expr>) -> Vec<Expr> {
        let text = |text: &str| Expr::Text(text.to_owned());
        match self {
            Self::Add(beside, more) if parts.contains(&text(beside)) => parts.push(text(more)),
            Self::Remove(gone) => parts.retain(|part| *part != text(gone)),
            _ => {}
        }
        parts
    }
}

/// The same policies, in which those of the root namespace state the exceptions of the others too.
fn excepted_by_departments(book: &PolicyBook, settings: &Settings) -> PolicyBook {
    let mut book = book.clone();
    let (mut roots, mut all) = (Vec::new(), Vec::new());
    for (key, entry) in &mut book.entries {
        let PolicyEntry::Readable(policy) = entry else { continue };
        all.extend(policy.spec.exceptions.clone().unwrap_or_default());
        if key.namespace == settings.root_namespace {
            roots.push(policy);
        }
    }
    for policy in roots {
        policy.spec.exceptions = Some(all.clone());
    }
    book
}

fn says(message: &impl std::fmt::Debug, words: &str) -> bool {
    format!("{message:?}").contains(words)
}

/// The parts of a compiled policy that faults reach into.
trait Parts {
    fn for_each_list(&mut self, change: impl Fn(&mut Vec<hemvist_core::admission::Rule>));
    fn for_each_tree(&mut self, change: impl Fn(&mut Expr));
    fn for_each_rule(&mut self, words: &str, change: impl Fn(&mut Expr));
}

impl Parts for Compiled {
    fn for_each_list(&mut self, change: impl Fn(&mut Vec<hemvist_core::admission::Rule>)) {
        change(&mut self.without_exemption);
        change(&mut self.rules);
    }

    fn for_each_tree(&mut self, change: impl Fn(&mut Expr)) {
        self.variables.iter_mut().for_each(|(_, value)| change(value));
        self.exempt.iter_mut().for_each(&change);
        self.for_each_rule("", change);
    }

    fn for_each_rule(&mut self, words: &str, change: impl Fn(&mut Expr)) {
        for rule in
            self.without_exemption.iter_mut().chain(&mut self.rules).filter(|rule| says(&rule.message, words))
        {
            change(&mut rule.holds);
        }
    }
}
