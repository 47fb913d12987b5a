//! `hemvist policy compile`: the AIPolicies in files as the API server enforces them.

use std::io::Read;

use hemvist_core::admission::{Compiled, compile};
use hemvist_core::date;
use hemvist_core::snapshot::PolicyEntry;

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
        text += "Nothing is compiled, because a document could not be read and a rule may be missing.\n";
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
    if on_disk {
        return documents_for_the_disk(compiled);
    }
    let bindings: Result<String, String> = compiled.bindings().iter().map(yaml::document).collect();
    Ok(yaml::document(&compiled.policy())? + &bindings?)
}

/// The policy has its name in its rules too: it refuses the probes that name it, and leaves those of others to the others.
/// One on the disk that answered to a name in the API would refuse first, and what is in the API could never be tried.
fn documents_for_the_disk(compiled: &Compiled) -> Result<String, String> {
    let name = format!("{}{STATIC_SUFFIX}", compiled.name);
    let policy = yaml::document(&Compiled { name: name.clone(), ..compiled.clone() }.policy())?;
    let bindings = compiled.bindings().into_iter().map(|mut binding| {
        let own = binding.metadata.name.get_or_insert_default();
        own.push_str(STATIC_SUFFIX);
        if let Some(spec) = &mut binding.spec {
            spec.policy_name = Some(name.clone());
        }
        yaml::document(&binding)
    });
    Ok(policy + &bindings.collect::<Result<String, String>>()?)
}
