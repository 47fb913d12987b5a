//! The files that a command line names.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How the names of manifests end.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// What stands for the standard input.
const STANDARD_INPUT: &str = "-";

/// A text with the name under which people know it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source {
    pub name: String,
    pub text: String,
}

/// The texts of all files that `paths` name, each once, in the order of the paths and sorted below each.
///
/// # Errors
///
/// Everything that cannot be read, one sentence for each.
pub fn sources<'a>(
    paths: impl IntoIterator<Item = &'a PathBuf>,
    stdin: &mut dyn Read,
) -> Result<Vec<Source>, Vec<String>> {
    let mut sources = Vec::new();
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        let found = if path.as_os_str() == STANDARD_INPUT {
            read_standard_input(stdin, &mut seen).map(Vec::from_iter)
        } else {
            read_below(path, &mut seen)
        };
        match found {
            Ok(found) => sources.extend(found),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(sources) } else { Err(errors) }
}

fn read_standard_input(stdin: &mut dyn Read, seen: &mut BTreeSet<PathBuf>) -> Result<Option<Source>, String> {
    if !seen.insert(PathBuf::from(STANDARD_INPUT)) {
        return Ok(None);
    }
    let mut text = String::new();
    stdin.read_to_string(&mut text).map_err(|error| format!("the standard input cannot be read: {error}"))?;
    Ok(Some(Source { name: "<stdin>".to_owned(), text }))
}

/// A file, or every manifest in a folder and in the folders below it.
fn read_below(path: &Path, seen: &mut BTreeSet<PathBuf>) -> Result<Vec<Source>, String> {
    let fault = |error: io::Error| format!("{} cannot be read: {error}", path.display());
    let mut files = Vec::new();
    if fs::metadata(path).map_err(fault)?.is_dir() {
        collect(path, &mut files)?;
        if files.is_empty() {
            return Err(format!("{}: no file below it ends in .yaml, .yml or .json", path.display()));
        }
    } else {
        files.push(path.to_owned());
    }
    let mut sources = Vec::new();
    for file in files {
        let fault = |error: io::Error| format!("{} cannot be read: {error}", file.display());
        // A pipe has no other name, and is itself.
        if seen.insert(fs::canonicalize(&file).unwrap_or_else(|_| file.clone())) {
            sources.push(Source {
                name: file.display().to_string(),
                text: fs::read_to_string(&file).map_err(fault)?,
            });
        }
    }
    Ok(sources)
}

/// The manifests of a folder and of those below it, sorted. What is hidden is left alone, and so are links to folders, which
/// could lead back.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let fault = |error: io::Error| format!("{} cannot be read: {error}", folder.display());
    let mut entries =
        fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(fault)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type().map_err(fault)?.is_dir() {
            collect(&path, files)?;
        } else if path.is_file() && is_manifest(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_manifest(path: &Path) -> bool {
    path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending))
}
