//! `hemvist policy compile`: the AIPolicies in files as the API server enforces them.

use std::io::Read;

use hemvist_core::admission::{Compiled, compile};
use hemvist_core::date;
use hemvist_core::policy::PolicyEntry;
use serde::Serialize;
use serde_json::Value;

use crate::arguments::CompileArguments;
use crate::collection::{AI_POLICY, Collection, Level};
use crate::human;
use crate::outcome::{Exit, Outcome};
use crate::sources::sources;
use crate::yaml;

/// What the names of policies on the API server's own disk end with.
const STATIC_SUFFIX: &str = ".static.k8s.io";

/// Prints what the AIPolicies in files are compiled to; without files, what is in force where there is none.
pub fn print_compiled(arguments: &CompileArguments, stdin: &mut dyn Read) -> Outcome {
    let sources = match sources(&arguments.files, stdin) {
        Ok(sources) => sources,
        Err(errors) => return Outcome::failure(Exit::Input, human::errors(&errors)),
    };
    let collection = Collection::read(&sources);
    if let Some(failure) = unsafe_to_compile(&collection, sources.len()) {
        return failure;
    }
    let today = date::today(&arguments.installation.moment());
    let admission = compile(&collection.manifests.policies, &arguments.settings(), today);
    let documents: Result<String, String> =
        admission.all().map(|compiled| documents(compiled, arguments.on_disk)).collect();
    match documents {
        Ok(text) => Outcome::result(text),
        Err(error) => Outcome::failure(Exit::Input, format!("error: {error}\n")),
    }
}

/// A policy that is not understood is not compiled to something that looks as if it were.
fn unsafe_to_compile(collection: &Collection, files: usize) -> Option<Outcome> {
    let mut text: String =
        collection.problems.iter().filter(|one| one.level == Level::Error).map(human::problem).collect();
    for (_, origin) in collection.of_kind(AI_POLICY) {
        text.extend(origin.problems.iter().map(human::problem));
    }
    let unreadable = collection
        .manifests
        .policies
        .entries
        .values()
        .any(|one| matches!(one, PolicyEntry::Unreadable { .. }));
    if !text.is_empty() || unreadable {
        text += "Nothing is compiled, because a rule may be missing.\n";
        return Some(Outcome::failure(
            if collection.incomplete { Exit::Input } else { Exit::Findings },
            text,
        ));
    }
    if files > 0 && collection.of_kind(AI_POLICY).next().is_none() {
        let text = human::nothing_found(files, collection.objects, &[AI_POLICY]);
        return Some(Outcome::failure(Exit::Input, text));
    }
    None
}

fn documents(compiled: &Compiled, on_disk: bool) -> Result<String, String> {
    let policy = document(&compiled.policy(), on_disk)?;
    let bindings: Result<String, String> =
        compiled.bindings().iter().map(|binding| document(binding, on_disk)).collect();
    Ok(policy + &bindings?)
}

fn document<K: Serialize>(object: &K, on_disk: bool) -> Result<String, String> {
    let mut object = serde_json::to_value(object).map_err(|error| error.to_string())?;
    if on_disk {
        for pointer in ["/metadata/name", "/spec/policyName"] {
            if let Some(Value::String(name)) = object.pointer_mut(pointer) {
                name.push_str(STATIC_SUFFIX);
            }
        }
    }
    yaml::document(&object)
}
