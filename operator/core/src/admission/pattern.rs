//! Regular expressions (RE2) that say the same as the rules of [`crate::policy`] on images and texts.

use std::collections::BTreeSet;

/// A text of letters and digits, or of a script that has neither, as people write it: it says something.
pub const SAYS_SOMETHING: &str = r"[\p{L}\p{N}]";

/// An image that is named by SHA-256.
pub const HAS_DIGEST: &str = r"^[^@]*@sha256:[0-9a-f]{64}$";

/// A SHA-256 digest.
pub const IS_DIGEST: &str = r"^sha256:[0-9a-f]{64}$";

/// An image reference with its registry, as references are written: no part of its path is empty or begins with a dot.
pub const REFERENCE: &str = r"^[^/@]+(/[^/:@.][^/:@]*)+(:[^/@]*)?(@(?s:.)*)?$";

/// The same, with the image named by SHA-256: one expression is looked at faster than two.
pub const REFERENCE_BY_DIGEST: &str = r"^[^/@]+(/[^/:@.][^/:@]*)+(:[^/@]*)?@sha256:[0-9a-f]{64}$";

/// The path of a reference, from the first slash on and without tag and digest.
pub const PATH: &str = "(/[^/:@]+)+";

/// What the names of images below one of the registries of a list begin with: the registry in small letters, its path, and
/// a slash. Entries below which no image can be are left out.
pub fn prefixes(list: &BTreeSet<String>) -> BTreeSet<String> {
    list.iter().filter_map(|entry| prefix(entry)).collect()
}

fn prefix(entry: &str) -> Option<String> {
    let (host, path) = entry.split_once('/').unwrap_or((entry, ""));
    let host = host.to_ascii_lowercase();
    let names_registry = host.contains(['.', ':']) || host == "localhost";
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
    let plain =
        |segment: &&str| !(segment.is_empty() || segment.starts_with('.') || segment.contains([':', '@']));
    if !names_registry || !segments.iter().all(plain) {
        return None;
    }
    let parts = std::iter::once(host.as_str()).chain(segments);
    Some(parts.fold(String::new(), |prefix, part| prefix + part + "/"))
}

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
