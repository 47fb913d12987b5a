//! `hemvist render`: the objects of a model, as YAML that works without Hemvist.

use std::fmt::Write;
use std::io::Read;

use hemvist_api::labels::{MODEL_DEPLOYMENT_UID, RENDERED_HASH};
use hemvist_core::decide::{Decision, Plan, decide};
use hemvist_core::schedule::{Schedule, schedule};
use hemvist_core::snapshot::{Key, Settings, Snapshot};
use serde_json::{Map, Value};

use crate::arguments::RenderArguments;
use crate::collection::{AI_POLICY, Collection, Level, MODEL_DEPLOYMENT, Origin};
use crate::human;
use crate::outcome::{Exit, Outcome};
use crate::sources::sources;
use crate::yaml;

/// Prints the objects of every accepted model.
pub fn render(arguments: &RenderArguments, stdin: &mut dyn Read) -> Outcome {
    let sources = match sources(&arguments.input.files, stdin) {
        Ok(sources) => sources,
        Err(errors) => return Outcome::failure(Exit::Input, human::errors(&errors)),
    };
    let collection = Collection::read(&sources);
    if let Some(failure) = unsafe_to_render(&collection) {
        return failure;
    }
    let wanted = |key: &Key| arguments.model.as_ref().is_none_or(|model| model == key);
    let models: Vec<_> = collection.of_kind(MODEL_DEPLOYMENT).filter(|(key, _)| wanted(key)).collect();
    if models.is_empty() {
        let message = match &arguments.model {
            Some(model) => format!("error: no {MODEL_DEPLOYMENT} {model} in the files\n"),
            None => human::nothing_found(sources.len(), collection.objects, &[MODEL_DEPLOYMENT]),
        };
        return Outcome::failure(Exit::Input, message);
    }
    let settings = arguments.input.settings();
    let snapshot = arguments.input.snapshot(&collection.manifests);
    let schedule = schedule(&snapshot);
    let mut outcome = Outcome::result(String::new());
    outcome.stderr.extend(collection.problems.iter().map(human::problem));
    for (key, origin) in models {
        match objects(&collection, (&snapshot, &schedule), &settings, key, origin) {
            Ok(Printed { text, note }) => {
                outcome.stdout += &text;
                outcome.stderr += &note;
            }
            Err(reasons) => {
                // Writing to a String cannot fail.
                let _ = write!(outcome.stderr, "ModelDeployment {key} is not rendered:\n{reasons}");
                outcome.exit = Exit::Findings;
            }
        }
    }
    outcome
}

/// The objects of a model as text.
struct Printed {
    /// For the standard output.
    text: String,
    /// For the standard error.
    note: String,
}

/// Where a text or a policy is not understood, a rule that refuses may be missing, so nothing is printed.
fn unsafe_to_render(collection: &Collection) -> Option<Outcome> {
    let mut text: String = collection
        .problems
        .iter()
        .filter(|problem| problem.level == Level::Error)
        .map(human::problem)
        .collect();
    for (_, origin) in collection.of_kind(AI_POLICY) {
        text.extend(origin.problems.iter().map(human::problem));
    }
    if text.is_empty() {
        return None;
    }
    text += "Nothing is rendered, because a document could not be read and a rule may be missing.\n";
    Some(Outcome::failure(if collection.incomplete { Exit::Input } else { Exit::Findings }, text))
}

/// The objects of an accepted model, or why there are none.
fn objects(
    collection: &Collection,
    (snapshot, schedule): (&Snapshot, &Schedule),
    settings: &Settings,
    key: &Key,
    origin: &Origin,
) -> Result<Printed, String> {
    let decision = collection.manifests.subject(key).map(|subject| decide(snapshot, schedule, &subject));
    let found = found(origin, decision.as_ref());
    let plan = decision.as_ref().and_then(Decision::plan).filter(|_| origin.problems.is_empty());
    let Some(plan) = plan else { return Err(found) };
    let text = print(plan, settings, origin.has_uid).map_err(|error| format!("  {error}\n"))?;
    let mut notes = Vec::new();
    if !found.is_empty() {
        notes.push(format!("ModelDeployment {key} is accepted with warnings:\n{found}"));
    }
    if !origin.has_uid {
        notes.push(format!(
            "ModelDeployment {key} has no UID, so its objects get no owner reference: deleting it does not delete them.\n"
        ));
    }
    if settings.proxy_image.is_none() {
        notes.push(format!(
            "ModelDeployment {key} gets an example image for its proxy. Set yours with --proxy-image.\n"
        ));
    }
    Ok(Printed { text: format!("# What ModelDeployment {key} becomes.\n{text}"), note: notes.concat() })
}

/// Everything that was found, one on each line.
fn found(origin: &Origin, decision: Option<&Decision>) -> String {
    let written = origin.problems.iter().map(|problem| problem.message.clone());
    let judged = decision.into_iter().flat_map(|decision| &decision.violations);
    let judged = judged.map(|violation| format!("{}: {}", violation.reason(), violation.message()));
    let lines = written.chain(judged);
    lines.fold(String::new(), |text, line| text + "  " + &line + "\n")
}

fn print(plan: &Plan, settings: &Settings, has_uid: bool) -> Result<String, String> {
    let desired = hemvist_core::render::render(plan, settings);
    let uid = if has_uid { None } else { Some(plan.model.uid.as_str()) };
    desired.objects().map(|object| document(object.json.clone(), uid)).collect()
}

/// An object as a document; without everything that rests on the UID, where the model has none of its own.
fn document(mut object: Value, placeholder: Option<&str>) -> Result<String, String> {
    if let Some(placeholder) = placeholder {
        without_owner(&mut object);
        without_label(&mut object, placeholder);
    }
    yaml::document(&object)
}

/// Takes out the owner, and the hash of the object as it was with its owner.
fn without_owner(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    metadata.remove("ownerReferences");
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(RENDERED_HASH);
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
}

/// Takes out the label with the UID, from labels and selectors alike. Names are unique in a namespace, so the selectors
/// still find what they are to find.
fn without_label(value: &mut Value, placeholder: &str) {
    match value {
        Value::Object(fields) => {
            take_label(fields, placeholder);
            fields.values_mut().for_each(|field| without_label(field, placeholder));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without_label(item, placeholder)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn take_label(fields: &mut Map<String, Value>, placeholder: &str) {
    if fields.get(MODEL_DEPLOYMENT_UID).and_then(Value::as_str) == Some(placeholder) {
        fields.remove(MODEL_DEPLOYMENT_UID);
    }
}
