//! Regular expressions (RE2) that say the same as the rules of [`crate::policy`] on images and texts.

use std::collections::BTreeSet;

/// A text of letters and digits, or of a script that has neither, as people write it: it says something.
pub const SAYS_SOMETHING: &str = r"[\p{L}\p{N}]";

/// An image that is named by SHA-256.
pub const HAS_DIGEST: &str = r"^[^@]*@sha256:[0-9a-f]{64}$";

/// A SHA-256 digest.
pub const IS_DIGEST: &str = r"^sha256:[0-9a-f]{64}$";

/// A part of a path between slashes: neither empty nor beginning with a dot, and with no mark of a tag or digest in it.
const SEGMENT: &str = "[^/:@.][^/:@]*";

/// What follows the name of an image: a tag, and whatever is behind the mark of a digest.
const ANY_END: &str = "(:[^/@]*)?(@(?s:.)*)?$";

/// What follows the name of an image that is named by SHA-256.
const DIGEST_END: &str = "(:[^/@]*)?@sha256:[0-9a-f]{64}$";

/// Nothing matches: there is no letter that is none.
const NOTHING: &str = "[^\\x00-\\x{10FFFF}]";

/// The text as a regular expression that describes just it.
pub fn quoted(text: &str) -> String {
    text.chars()
        .flat_map(|letter| {
            // Only punctuation may be escaped, and these signs need not be.
            let escape = letter.is_ascii_punctuation() && !matches!(letter, '/' | '_' | ':' | '@');
            escape.then_some('\\').into_iter().chain([letter])
        })
        .collect()
}

/// Image references below one of the registries of a list. What names no registry, or is not written as a reference is,
/// is below none.
pub fn below_registries(list: &BTreeSet<String>) -> String {
    below(list, ANY_END)
}

/// The same, of references that also name their image by SHA-256: one expression is looked at faster than two.
pub fn below_registries_by_digest(list: &BTreeSet<String>) -> String {
    below(list, DIGEST_END)
}

fn below(list: &BTreeSet<String>, end: &str) -> String {
    let entries: Vec<String> = list.iter().filter_map(|entry| below_entry(entry)).collect();
    if entries.is_empty() {
        return NOTHING.to_owned();
    }
    format!("^({})(/{SEGMENT})*{end}", entries.join("|"))
}

/// The beginning of references below an entry of a list; `None` where no reference can be below it.
fn below_entry(entry: &str) -> Option<String> {
    let (host, path) = entry.split_once('/').unwrap_or((entry, ""));
    let names_registry = host.contains(['.', ':']) || host == "localhost";
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
    let plain =
        |segment: &&str| !(segment.is_empty() || segment.starts_with('.') || segment.contains([':', '@']));
    if !names_registry || !segments.iter().all(plain) {
        return None;
    }
    let mut segments: Vec<String> = segments.into_iter().map(quoted).collect();
    // A registry alone is no image: there has to be a name in it.
    if segments.is_empty() {
        segments.push(SEGMENT.to_owned());
    }
    Some(format!("{}/{}", any_case(host), segments.join("/")))
}

/// The text in upper or lower case, letter by letter: the flag of the language for it also folds letters of other scripts.
fn any_case(text: &str) -> String {
    text.chars()
        .map(|letter| {
            if letter.is_ascii_alphabetic() {
                format!("[{}{}]", letter.to_ascii_lowercase(), letter.to_ascii_uppercase())
            } else {
                quoted(&letter.to_string())
            }
        })
        .collect()
}
