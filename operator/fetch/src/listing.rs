//! The list of files of a mirror, checked against what a folder of weights may contain.

use std::collections::BTreeSet;

use hemvist_api::condition::Reason;
use hemvist_digest::parts;
use serde::{Deserialize, Serialize};

use crate::outcome::Failure;

/// The most files of one model. The largest that are published have a few hundred; more is no model but a whole store.
pub const MOST_FILES: usize = 2000;

/// What the names of files of weights end with: formats without code, their settings and their papers.
const KINDS: &[&str] =
    &["gguf", "jinja", "json", "license", "md", "model", "safetensors", "tiktoken", "txt", "yaml", "yml"];

/// Names of papers that end with nothing.
const PAPERS: &[&str] = &[".gitattributes", "license", "notice", "readme", "use_policy"];

/// One file of a mirror.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Entry {
    /// Its path, relative to what is fetched.
    pub path: String,
    /// Its size, in bytes.
    pub size: u64,
    /// What changes when its content does, where the mirror says so.
    pub version: Option<String>,
}

/// What is done about files that are no files of weights.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Surplus {
    /// They are refused: the mirror is the region's own, and can be tidied.
    Refused,
    /// They are left out: a repository of a hub is what its authors made of it.
    LeftOut,
}

/// What is fetched of a mirror.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Selection {
    /// The files, in order of their paths; relative to the folder that is named, or to the folder of the file.
    pub entries: Vec<Entry>,
    /// The file that is named, where it is one and no folder.
    pub file: Option<String>,
}

/// What is at `path` of what a mirror lists: a folder, a file, or with a split model all files of it. Everything, where the
/// path is empty.
///
/// # Errors
/// Where what is there cannot be fetched; see [`checked`].
pub fn selected(listed: Vec<Entry>, path: &str, surplus: Surplus) -> Result<Selection, Failure> {
    if path.is_empty() {
        return Ok(Selection { entries: checked(listed, surplus)?, file: None });
    }
    let below = |folder: &str, entry: &Entry| {
        let path = entry.path.strip_prefix(folder)?.strip_prefix('/')?.to_owned();
        Some(Entry { path, ..entry.clone() })
    };
    if !listed.iter().any(|entry| entry.path == path) {
        let entries = listed.iter().filter_map(|entry| below(path, entry)).collect();
        return Ok(Selection { entries: checked(entries, surplus)?, file: None });
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let names = parts(name).unwrap_or_else(|| vec![name.to_owned()]);
    let within = |entry: &Entry| if folder.is_empty() { Some(entry.clone()) } else { below(folder, entry) };
    let entries: Vec<_> =
        listed.iter().filter_map(within).filter(|entry| names.contains(&entry.path)).collect();
    if let Some(missing) = names.iter().find(|name| !entries.iter().any(|entry| entry.path == **name)) {
        let message = format!("the mirror has no {missing}, which is a part of {path}");
        return Err(Failure::new(Reason::MirrorContentRefused, message));
    }
    Ok(Selection { entries: checked(entries, surplus)?, file: Some(name.to_owned()) })
}

/// The files that are fetched of those that are listed, in order of their paths.
///
/// # Errors
/// Where one has a path that could lead elsewhere, or is none of weights, or there is none or too many of them.
pub fn checked(entries: Vec<Entry>, surplus: Surplus) -> Result<Vec<Entry>, Failure> {
    let refused = |message: String| Failure::new(Reason::MirrorContentRefused, message);
    let mut kept = Vec::new();
    for entry in entries {
        if !is_plain(&entry.path) {
            return Err(refused(format!("the mirror holds {:?}, which is not a plain path", entry.path)));
        }
        match (is_of_weights(&entry.path), surplus) {
            (true, _) => kept.push(entry),
            (false, Surplus::LeftOut) => tracing::info!(path = entry.path, "skipped: not a file of weights"),
            (false, Surplus::Refused) => {
                return Err(refused(format!(
                    "the mirror holds {}, which is not a file of weights",
                    entry.path
                )));
            }
        }
    }
    if kept.is_empty() {
        return Err(refused("the mirror has no file of weights at this path".to_owned()));
    }
    if kept.len() > MOST_FILES {
        return Err(refused(format!(
            "the mirror holds {} files, more than the limit of {MOST_FILES}",
            kept.len()
        )));
    }
    kept.sort();
    if let Some(path) = both_file_and_folder(&kept) {
        return Err(refused(format!("the mirror holds {path} as a file and as a folder, or twice")));
    }
    Ok(kept)
}

/// Whether a path stays in the folder that it is relative to, and is written in one way only.
pub fn is_plain(path: &str) -> bool {
    const LONGEST_PATH: usize = 512;
    const LONGEST_NAME: usize = 255;
    let plain = |name: &str| {
        !matches!(name, "" | "." | "..")
            && name.len() <= LONGEST_NAME
            && !name
                .chars()
                .any(|letter| letter.is_control() || matches!(letter, '\\' | '\u{2028}' | '\u{2029}'))
    };
    path.len() <= LONGEST_PATH && path.split('/').all(plain)
}

fn is_of_weights(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    PAPERS.contains(&name.as_str()) || name.rsplit_once('.').is_some_and(|(_, kind)| KINDS.contains(&kind))
}

fn both_file_and_folder(entries: &[Entry]) -> Option<&str> {
    let mut seen = BTreeSet::new();
    for Entry { path, .. } in entries {
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        if folders
            .clone()
            .any(|folder| entries.binary_search_by(|entry| entry.path.as_str().cmp(folder)).is_ok())
        {
            return Some(path);
        }
        if !seen.insert(path.as_str()) {
            return Some(path);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(paths: &[&str], surplus: Surplus) -> Result<Vec<String>, String> {
        let entry = |path: &&str| Entry { path: (*path).to_owned(), size: 1, version: None };
        let checked = checked(paths.iter().map(entry).collect(), surplus);
        checked
            .map(|kept| kept.into_iter().map(|entry| entry.path).collect())
            .map_err(|failure| failure.message)
    }

    #[test]
    fn a_path_that_could_lead_elsewhere_is_refused() {
        for path in [
            "../a.json",
            "/a.json",
            "a//b.json",
            "a/./b.json",
            "a/../b.json",
            "a\\b.json",
            "a\nb.json",
            "",
            "a/",
        ] {
            assert!(listed(&[path], Surplus::LeftOut).unwrap_err().contains("not a plain path"), "{path:?}");
        }
        assert_eq!(listed(&["sub/å b.json"], Surplus::Refused), Ok(vec!["sub/å b.json".to_owned()]));
    }

    #[test]
    fn what_can_carry_code_is_not_fetched() {
        for path in ["model.bin", "x.pt", "code.py", "model.safetensors.sh", "a/.git"] {
            assert!(listed(&["a.json", path], Surplus::Refused).unwrap_err().contains(path));
            assert_eq!(listed(&["a.json", path], Surplus::LeftOut), Ok(vec!["a.json".to_owned()]));
        }
        assert!(listed(&["model.bin"], Surplus::LeftOut).unwrap_err().contains("no file of weights"));
    }

    #[test]
    fn a_name_is_a_file_or_a_folder_and_there_once() {
        for paths in [["a.json", "a.json/b.json"], ["a.json", "a.json"]] {
            assert!(listed(&paths, Surplus::Refused).unwrap_err().contains("or twice"));
        }
    }

    fn selected_paths(path: &str) -> Result<(Vec<String>, Option<String>), String> {
        let listed = [
            "q/m-00001-of-00002.gguf",
            "q/m-00002-of-00002.gguf",
            "q/x-00001-of-00002.gguf",
            "q/y.gguf",
            "z.py",
        ];
        let entry = |path: &&str| Entry { path: (*path).to_owned(), size: 1, version: None };
        let selected = selected(listed.iter().map(entry).collect(), path, Surplus::Refused);
        let paths = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.path).collect();
        selected.map(|found| (paths(found.entries), found.file)).map_err(|failure| failure.message)
    }

    #[test]
    fn what_is_named_is_a_folder_a_file_or_all_parts_of_one() {
        let (folder, file) = selected_paths("q").unwrap();
        assert_eq!((folder.len(), file), (4, None));
        assert_eq!(
            selected_paths("q/y.gguf").unwrap(),
            (vec!["y.gguf".to_owned()], Some("y.gguf".to_owned()))
        );
        let (split, file) = selected_paths("q/m-00001-of-00002.gguf").unwrap();
        assert_eq!((split.len(), file.as_deref()), (2, Some("m-00001-of-00002.gguf")));
        assert!(selected_paths("q/x-00001-of-00002.gguf").unwrap_err().contains("x-00002-of-00002.gguf"));
        assert!(selected_paths("").unwrap_err().contains("z.py"));
        assert!(selected_paths("nowhere").unwrap_err().contains("no file of weights"));
    }

    #[test]
    fn a_whole_store_is_no_model() {
        let many: Vec<_> = (0..=MOST_FILES).map(|number| format!("{number}.json")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(listed(&many, Surplus::Refused).unwrap_err().contains("2001 files"));
    }
}
