//! The rules of an AIPolicy for ModelDeployments, as rules for the API server.
//!
//! The same rules as [`EffectivePolicy::check`](crate::policy::EffectivePolicy::check), but those that need the clock
//! (assessments that end) or other policies (lists that have nothing in common, a licence that all have to agree on):
//! these are the controller's.

use std::collections::BTreeSet;
use std::fmt::Display;

use hemvist_api::AIPolicySpec;
use hemvist_api::values::{EngineType, InformationClass, Isolation, RiskClass};
use k8s_openapi::jiff::civil::Date;

use super::author::Author;
use super::cel::{Expr, all, any, call, has, name, text, texts};
use super::data_centres;
use super::image::{is_below, is_below_by_digest};
use super::message::Message;
use super::object::{MatchRule, Rule};
use super::pattern::{HAS_DIGEST, IS_DIGEST, SAYS_SOMETHING};
use crate::engine::description;
use crate::policy::duties::{Demand, Duty, Scope as DutyScope};
use crate::rules::Listed;
use crate::violation::{AllowList, Finding, RuleSource, Violation};

/// Writing a ModelDeployment. Deleting one is always allowed.
pub const MATCH_RULE: MatchRule = MatchRule {
    group: hemvist_api::GROUP,
    resources: &["modeldeployments"],
    operations: &["CREATE", "UPDATE"],
};

const CLASS_FIELD: &str = "spec.purpose.informationClass";

/// The variable `variables.<name>`.
pub(super) fn variable(variable: &'static str) -> Expr {
    name("variables").field(variable)
}

/// A field of the ModelDeployment's spec that is always there.
fn spec() -> Expr {
    name("object").field("spec")
}

fn purpose() -> Expr {
    spec().field("purpose")
}

/// The information class of the model.
pub(super) fn class_of_model() -> Expr {
    purpose().field("informationClass")
}

/// Its risk class.
pub(super) fn risk_of_model() -> Expr {
    purpose().field("riskClass")
}

/// The data centres that it requests.
fn asked() -> Expr {
    spec().maybe_path(["placement", "dataCentres"]).or_none()
}

/// The field that says where the model may be: the data centres that it requests, or its class.
pub(super) fn field_of_data_centres() -> Expr {
    let asked = spec().maybe_path(["placement", "dataCentres"]).call("hasValue", []);
    asked.choose(text("spec.placement.dataCentres"), text(CLASS_FIELD))
}

/// Whether `holds` of every image that the model names. Nearly every model has one engine, one source and no adapter, so
/// these are looked at directly, without a list of them.
fn every_image(holds: impl Fn(Expr) -> Expr) -> Expr {
    let of_source = |source: Expr| {
        let reference = source.maybe_path(["image", "reference"]).or_empty();
        any([reference.clone().equals(text("")), holds(reference)])
    };
    let adapters = spec().field("model").maybe("adapters").or_none();
    all([
        holds(spec().path(["engine", "image"])),
        of_source(spec().path(["model", "source"])),
        adapters.every("a", of_source(name("a").field("source"))),
    ])
}

/// A map of texts. The API server wants every value of a map to be of one type, which it does not know of fields.
fn map_of_texts<const N: usize>(entries: [(&'static str, Expr); N]) -> Expr {
    Expr::Map(entries.map(|(key, value)| (key, call("string", [value]))).into())
}

/// The sources of weights that are volumes when they are served: what is in them is identified by a digest of the model's own.
const VOLUMES: &[&str] = &["persistentVolumeClaim", "mirror"];

/// The same of adapters.
const VOLUMES_OF_ADAPTERS: &[&str] = &["persistentVolumeClaim"];

/// What the rules have in common.
pub(super) fn variables() -> Vec<(&'static str, Expr)> {
    let w = || name("w");
    let weights = |field: Expr, holder: &Expr, volumes: &[&'static str]| {
        let source = || holder.clone().field("source");
        let volume = any(volumes.iter().map(|volume| has(source().field(volume))));
        map_of_texts([
            ("field", field),
            ("digest", holder.clone().maybe("digest").or_empty()),
            ("image", source().maybe_path(["image", "reference"]).or_empty()),
            ("volume", volume.choose(text("yes"), text("no"))),
        ])
    };
    let adapter_field = text("spec.model.adapters[name=").plus(name("a").field("name")).plus(text("]"));
    let all_weights = Expr::List(vec![weights(text("spec.model"), &spec().field("model"), VOLUMES)]).plus(
        spec()
            .field("model")
            .maybe("adapters")
            .or_none()
            .mapped("a", weights(adapter_field, &name("a"), VOLUMES_OF_ADAPTERS)),
    );
    let image = |field: Expr, reference: Expr| map_of_texts([("field", field), ("reference", reference)]);
    let engine_image = image(text("spec.engine.image"), spec().path(["engine", "image"]));
    let weights_images = variable("weights")
        .those("w", w().field("image").differs(text("")))
        .mapped("w", image(w().field("field").plus(text(".source.image.reference")), w().field("image")));
    vec![("weights", all_weights), ("images", Expr::List(vec![engine_image]).plus(weights_images))]
}

/// Whether a request changes nothing that a policy judges. What was accepted once can be suspended, labelled, scaled and
/// given incidents whatever has become of the policy; the controller judges it again anyway.
pub(super) fn unchanged() -> Expr {
    let is_update = name("request").field("operation").equals(text("UPDATE"));
    let same = ["purpose", "model", "engine", "accelerator", "placement"].map(|field| {
        let of = |object| name(object).field("spec").maybe(field);
        of("object").equals(of("oldObject"))
    });
    all(std::iter::once(is_update).chain(same))
}

/// The rules of one policy, in the order in which they are reported.
pub(super) fn rules(author: &Author, policy: &AIPolicySpec, today: Date) -> Vec<Rule> {
    let policy = Rules { author, policy, today };
    [
        policy.classes(),
        policy.residency(),
        policy.isolation(),
        policy.duties(),
        policy.images(),
        policy.weights(),
        policy.engine(),
    ]
    .concat()
}

struct Rules<'a> {
    author: &'a Author,
    policy: &'a AIPolicySpec,
    today: Date,
}

impl Rules<'_> {
    fn classes(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        if let Some(listed) = &self.policy.information_classes {
            let classes: BTreeSet<_> = listed.iter().map(|rule| rule.class).collect();
            let value = class_of_model();
            rules.push(self.listed(
                CLASS_FIELD,
                AllowList::InformationClasses,
                "spec.informationClasses",
                value,
                &classes,
            ));
        }
        if let Some(listed) = &self.policy.risk_classes {
            let classes: BTreeSet<_> = listed.iter().map(|rule| rule.class).collect();
            // What the law forbids is refused elsewhere, with its own words.
            let field = "spec.purpose.riskClass";
            let mut rule =
                self.listed(field, AllowList::RiskClasses, "spec.riskClasses", risk_of_model(), &classes);
            rule.holds = any([risk_of_model().equals(text(RiskClass::Unacceptable.as_str())), rule.holds]);
            rules.push(rule);
        }
        rules
    }

    /// Data centres that were requested have to be allowed; where none was, one has to be left.
    fn residency(&self) -> Vec<Rule> {
        let residency = self.policy.residency.as_ref();
        let common = data_centres::of_all(self.policy);
        let mut rules = Vec::new();
        if let Some(allowed) = &common {
            rules.extend(self.data_centres(None, "spec.residency.dataCentres", allowed, allowed.is_empty()));
        }
        for (class, field, own) in data_centres::of_classes(self.policy) {
            let left = common.as_ref().map_or_else(|| own.clone(), |common| common & &own);
            rules.extend(self.data_centres(Some(class), &field, &own, left.is_empty()));
        }
        if residency.and_then(|residency| residency.regions.as_ref()).is_some_and(Vec::is_empty) {
            rules.push(self.nothing_left(AllowList::Regions, "spec.residency.regions", Expr::Bool(false)));
        }
        rules
    }

    fn data_centres(
        &self,
        class: Option<InformationClass>,
        policy_field: &str,
        allowed: &BTreeSet<String>,
        nothing_left: bool,
    ) -> Vec<Rule> {
        let concerned = class.map_or(Expr::Bool(true), is_class);
        let refused = asked().those("d", !name("d").is_in(texts(allowed)));
        let field = "spec.placement.dataCentres";
        let first = [("value", refused.item(Expr::Int(0)))];
        let message = self.not_in_list(field, first, AllowList::DataCentres, policy_field, allowed);
        let every = asked().every("d", name("d").is_in(texts(allowed)));
        let mut rules = vec![Rule::new(concerned.clone().implies(every), message)];
        if nothing_left {
            let asked = asked().call("size", []).exceeds(Expr::Int(0));
            let holds = concerned.implies(asked);
            rules.push(self.nothing_left(AllowList::DataCentres, policy_field, holds));
        }
        rules
    }

    fn nothing_left(&self, list: AllowList, policy_field: &str, holds: Expr) -> Rule {
        self.rule(holds, CLASS_FIELD, Finding::NothingLeft { list }, policy_field)
    }

    /// A partition of a device is less than a whole one.
    fn isolation(&self) -> Vec<Rule> {
        let demanding = self.policy.information_classes.iter().flatten().filter_map(|rule| {
            rule.isolation
                .filter(|isolation| *isolation > Isolation::Partition)
                .map(|isolation| (rule.class, isolation))
        });
        demanding
            .map(|(class, isolation)| {
                let whole = !spec().maybe_path(["accelerator", "partition"]).call("hasValue", []);
                let policy_field = format!("{}.isolation", DutyScope::Information(class).path());
                let finding = Finding::IsolationTooLow { asked: Isolation::Partition, demanded: isolation };
                self.rule(
                    is_class(class).implies(whole),
                    "spec.accelerator.partition",
                    finding,
                    &policy_field,
                )
            })
            .collect()
    }

    fn duties(&self) -> Vec<Rule> {
        let duties = crate::policy::stated_duties(self.policy);
        let binding = duties.into_iter().filter(|(_, duty)| duty.binds_on(self.today));
        binding.filter_map(|(field, duty)| self.duty(&field, duty)).collect()
    }

    fn duty(&self, policy_field: &str, duty: Duty) -> Option<Rule> {
        let says = |value: Expr| value.matches(SAYS_SOMETHING);
        let (met, field, finding) = match duty.demand {
            // How old an assessment is, the API server cannot know.
            Demand::MaxAssessmentAge(_) => return None,
            Demand::Assessment(assessment) => {
                let made = purpose().maybe("assessments").or_none();
                let met = made.some("a", name("a").field("type").equals(text(assessment.as_str())));
                (met, "spec.purpose.assessments", Finding::AssessmentMissing { assessment })
            }
            Demand::HumanOversight => {
                let oversight = |field| says(purpose().maybe_path(["humanOversight", field]).or_empty());
                let met = all([oversight("responsible"), oversight("procedure")]);
                (met, "spec.purpose.humanOversight", Finding::HumanOversightMissing)
            }
            Demand::TransparencyNotice => {
                let met = says(purpose().maybe("transparencyNotice").or_empty());
                (met, "spec.purpose.transparencyNotice", Finding::TransparencyNoticeMissing)
            }
            Demand::RecordReference => {
                let met = says(purpose().maybe("recordReference").or_empty());
                (met, "spec.purpose.recordReference", Finding::RecordReferenceMissing)
            }
        };
        let concerned = match duty.scope {
            DutyScope::Information(class) => is_class(class),
            DutyScope::Risk(risk) => risk_of_model().equals(text(risk.as_str())),
        };
        let waived = self.author.waived(duty.demand);
        Some(self.rule(any([!concerned, waived, met]), field, finding, policy_field))
    }

    fn images(&self) -> Vec<Rule> {
        let Some(images) = &self.policy.images else { return Vec::new() };
        let reference = || name("i").field("reference");
        let mut rules = Vec::new();
        if let Some(registries) = &images.registries {
            let registries: BTreeSet<String> = texts_of(registries);
            let holds = every_image(|image| is_below(&registries, &image));
            let first =
                variable("images").those("i", !is_below(&registries, &reference())).item(Expr::Int(0));
            let values = [
                ("field", first.clone().field("field")),
                ("value", text("of ").plus(first.field("reference"))),
            ];
            let (list, field) = (AllowList::Registries, "spec.images.registries");
            let message = self.not_in_list("", values, list, field, &registries);
            rules.push(Rule::new(holds, message));
        }
        if images.require_digest == Some(true) {
            let first = variable("images").those("i", !reference().matches(HAS_DIGEST)).item(Expr::Int(0));
            let violation =
                Violation::of_rule("", Finding::DigestMissing, self.author.rule("spec.images.requireDigest"));
            let message = Message::about(&violation, [("field", first.field("field"))]);
            rules.push(Rule::new(every_image(|image| image.matches(HAS_DIGEST)), message));
        }
        if let (Some(registries), [_, _]) = (&images.registries, rules.as_slice()) {
            rules = rules.into_iter().map(Rule::only_explaining).collect();
            let registries = texts_of(registries);
            let message = format!("spec.engine.image: denied by {}.", self.author.rule("spec.images"));
            rules.push(Rule::new(
                every_image(|image| is_below_by_digest(&registries, &image)),
                Message::new(message),
            ));
        }
        rules
    }

    fn weights(&self) -> Vec<Rule> {
        let Some(models) = &self.policy.models else { return Vec::new() };
        let mut rules = Vec::new();
        if let Some(licences) = &models.licences {
            rules.push(self.licence(&texts_of(licences)));
        }
        if let Some(formats) = &models.formats {
            let formats: BTreeSet<_> = formats.iter().copied().collect();
            let value = spec().path(["model", "format"]);
            rules.push(self.listed(
                "spec.model.format",
                AllowList::Formats,
                "spec.models.formats",
                value,
                &formats,
            ));
        }
        if models.require_digest == Some(true) {
            let w = |field| name("w").field(field);
            let in_reference = all([w("volume").equals(text("no")), w("image").matches(HAS_DIGEST)]);
            let named = any([w("digest").matches(IS_DIGEST), in_reference]);
            let digest = |holder: Expr, volumes: &[&'static str]| {
                let source = || holder.clone().field("source");
                let volume = any(volumes.iter().map(|volume| has(source().field(volume))));
                let in_reference = all([
                    !volume,
                    source().maybe_path(["image", "reference"]).or_empty().matches(HAS_DIGEST),
                ]);
                any([in_reference, holder.maybe("digest").or_empty().matches(IS_DIGEST)])
            };
            let adapters = spec().field("model").maybe("adapters").or_none();
            let every = all([
                digest(spec().field("model"), VOLUMES),
                adapters.every("a", digest(name("a"), VOLUMES_OF_ADAPTERS)),
            ]);
            let first = variable("weights").those("w", !named.clone()).item(Expr::Int(0));
            let rule = self.author.rule("spec.models.requireDigest");
            let message = |below: &str, field: &'static str| {
                let violation = Violation::of_rule(below, Finding::DigestMissing, rule.clone());
                Message::about(&violation, [("field", name("f").field("field").plus(text(field)))])
            };
            let has_image = all([
                name("f").field("volume").equals(text("no")),
                name("f").field("image").differs(text("")),
            ]);
            let (of_image, of_volume) =
                (message(".reference", ".source.image.reference"), message(".digest", ".digest"));
            let message = Message::with("f", first, &Message::choose(has_image, &of_image, &of_volume));
            rules.push(Rule::new(every, message));
        }
        rules
    }

    /// Alternatives with `OR` between them, each of licences with `AND` between them. An exception only gives more
    /// rights, so the licence without it suffices.
    fn licence(&self, licences: &BTreeSet<String>) -> Rule {
        let licence = || spec().path(["model", "licence"]);
        let split = |text_: Expr, by: &str| text_.call("split", [text(by)]);
        let base = split(name("l"), " WITH ").item(Expr::Int(0));
        let one_exception = split(name("l"), " WITH ").call("size", []).equals(Expr::Int(2));
        let one_allowed =
            any([name("l").is_in(texts(licences)), all([one_exception, base.is_in(texts(licences))])]);
        let alternatives = || split(licence(), " OR ");
        let one_of_them = alternatives().some("c", split(name("c"), " AND ").every("l", one_allowed));
        // What is no expression as a whole is not judged by a part of it. The characters are those that the schema lets in.
        let parts = || split(name("l"), " WITH ");
        let is_licence = all([
            !parts().call("size", []).exceeds(Expr::Int(2)),
            parts().every("i", !name("i").is_in(texts(["AND", "OR", "WITH"]))),
        ]);
        let well_formed = alternatives().every("c", split(name("c"), " AND ").every("l", is_licence));
        let holds = all([one_of_them, well_formed]);
        let (list, field, value) = (AllowList::Licences, "spec.model.licence", [("value", licence())]);
        Rule::new(holds, self.not_in_list(field, value, list, "spec.models.licences", licences))
    }

    fn engine(&self) -> Vec<Rule> {
        let Some(engines) = &self.policy.engines else { return Vec::new() };
        let mut rules = Vec::new();
        if let Some(types) = &engines.types {
            let types: BTreeSet<_> = types.iter().copied().collect();
            let value = spec().path(["engine", "type"]);
            rules.push(self.listed(
                "spec.engine.type",
                AllowList::Engines,
                "spec.engines.types",
                value,
                &types,
            ));
        }
        if let Some(args) = &engines.allowed_args {
            let rule = self.author.rule("spec.engines.allowedArgs");
            let refused = |finding| Violation::of_rule("", finding, rule.clone());
            let (argument, engine) = (String::new(), EngineType::Custom);
            let unknown = refused(Finding::ArgumentNotAllowed { argument, engine });
            rules.push(arguments(&texts_of(args), &unknown, None));
        }
        rules
    }

    /// A rule that the value is in a closed list.
    fn listed<T: Display + Ord>(
        &self,
        field: &str,
        list: AllowList,
        policy_field: &str,
        value: Expr,
        allowed: &BTreeSet<T>,
    ) -> Rule {
        let message = self.not_in_list(field, [("value", value.clone())], list, policy_field, allowed);
        Rule::new(value.is_in(texts(allowed)), message)
    }

    /// The message of a value that is not in a list, with expressions for what the object says.
    fn not_in_list<T: Display, const N: usize>(
        &self,
        field: &str,
        values: [(&'static str, Expr); N],
        list: AllowList,
        policy_field: &str,
        allowed: &BTreeSet<T>,
    ) -> Message {
        Message::about(&not_in_list(field, list, allowed, self.author.rule(policy_field)), values)
    }

    /// A rule whose message is the same for every object.
    fn rule(&self, holds: Expr, field: &str, finding: Finding, policy_field: &str) -> Rule {
        let violation = Violation::of_rule(field, finding, self.author.rule(policy_field));
        Rule::new(holds, Message::about(&violation, []))
    }
}

/// The violation of a value that is not in the list of one policy.
pub(super) fn not_in_list<T: Display>(
    field: &str,
    list: AllowList,
    allowed: &BTreeSet<T>,
    rule: RuleSource,
) -> Violation {
    let listed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    let finding =
        Finding::NotInList { list, value: String::new(), allowed: listed.clone(), listed: Listed(listed) };
    Violation::of_rule(field, finding, rule)
}

/// A rule on the names of arguments: in the engine's own list, or in `further`. What an engine reserves nobody can allow.
/// `unknown` is the violation of one that is not reserved.
pub(super) fn arguments(further: &BTreeSet<String>, unknown: &Violation, unless: Option<Expr>) -> Rule {
    let type_ = || spec().path(["engine", "type"]);
    let engines = EngineType::ALL.iter().map(|engine| description(*engine));
    let allowed = engines.fold(Expr::Bool(true), |otherwise, engine| {
        let own = engine.rules.iter().map(|rule| rule.name.to_owned());
        let added = further.iter().filter(|name| !engine.reserves(name)).cloned();
        let names: BTreeSet<String> = own.chain(added).collect();
        let listed = name("a").field("name").is_in(texts(names));
        type_().equals(text(engine.engine.as_str())).choose(listed, otherwise)
    });
    let args = || spec().path(["engine"]).maybe("args").or_none();
    let first = args().those("a", !allowed.clone()).item(Expr::Int(0)).field("name");
    let message = super::arguments::message(&first, &type_(), unknown);
    Rule::new(any([unless.unwrap_or(Expr::Bool(false)), args().every("a", allowed)]), message)
}

/// Whether the model is of this information class.
fn is_class(class: InformationClass) -> Expr {
    class_of_model().equals(text(class.as_str()))
}

pub(super) fn texts_of<T: ToString>(values: &[T]) -> BTreeSet<String> {
    values.iter().map(ToString::to_string).collect()
}
