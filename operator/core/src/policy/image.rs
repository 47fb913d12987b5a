//! Image references, judged against lists of registries.

use std::collections::BTreeSet;

/// A registry with a path in it, without tag and digest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Repository<'a> {
    host: &'a str,
    path: Vec<&'a str>,
}

impl<'a> Repository<'a> {
    /// The repository of an image reference; `None` where it names no registry, which container engines complete with a
    /// registry abroad, and where it is not written as a reference is.
    pub fn of_reference(reference: &'a str) -> Option<Self> {
        let (host, rest) = reference.split_once('/')?;
        if !(host.contains(['.', ':']) || host.eq_ignore_ascii_case("localhost")) {
            return None;
        }
        let name = rest.split_once('@').map_or(rest, |(name, _)| name);
        let mut path: Vec<&str> = name.split('/').collect();
        if let Some(last) = path.pop() {
            path.push(last.split_once(':').map_or(last, |(last, _)| last));
        }
        // A segment such as `..` would let a path leave the prefix that it seems to begin with. No segment of an image
        // begins with a dot (OCI distribution specification, `<name>`).
        let plain =
            |segment: &&str| !(segment.is_empty() || segment.starts_with('.') || segment.contains(':'));
        path.iter().all(plain).then_some(Self { host, path })
    }

    /// The registry, or registry and beginning of a path, that an entry of a list names.
    fn of_entry(entry: &'a str) -> Self {
        let (host, path) = entry.split_once('/').unwrap_or((entry, ""));
        let path = path.strip_suffix('/').unwrap_or(path);
        Self { host, path: if path.is_empty() { Vec::new() } else { path.split('/').collect() } }
    }

    /// Whether everything below `other` is below this one. The path is compared by whole segments, so that `models`
    /// is not the beginning of `models-evil`.
    fn covers(&self, other: &Repository<'_>) -> bool {
        self.host.eq_ignore_ascii_case(other.host) && other.path.starts_with(&self.path)
    }
}

/// Whether an entry of `list` covers `repository`.
pub(super) fn listed(list: &BTreeSet<String>, repository: &Repository<'_>) -> bool {
    list.iter().any(|entry| Repository::of_entry(entry).covers(repository))
}

/// Whether `reference` is an image below an entry of `list`.
pub(crate) fn reference_listed(list: &BTreeSet<String>, reference: &str) -> bool {
    Repository::of_reference(reference).is_some_and(|repository| listed(list, &repository))
}

/// Whether an entry of `list` covers everything that `entry` covers.
pub(super) fn entry_listed(list: &BTreeSet<String>, entry: &str) -> bool {
    listed(list, &Repository::of_entry(entry))
}

/// Whether the reference names its image by SHA-256.
pub(crate) fn has_digest(reference: &str) -> bool {
    reference.split_once('@').is_some_and(|(_, digest)| is_digest(digest))
}

/// Whether `text` is a SHA-256 digest.
pub(super) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|digits| {
        digits.len() == 64 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_and_paths_are_matched_whole() {
        for (entry, reference, expected) in [
            ("r.example", "r.example/vllm", true),
            ("r.example", "R.Example/vllm:v1", true),
            ("r.example", "r.example:5000/vllm", false),
            ("r.example:5000", "r.example:5000/a/b@sha256:00", true),
            ("r.example", "r.example.evil.net/vllm", false),
            ("r.example", "evil.net/r.example/vllm", false),
            ("r.example", "r.example@evil.net/vllm", false),
            ("r.example/models", "r.example/models/x", true),
            ("r.example/models/", "r.example/models/x", true),
            ("r.example/models", "r.example/models", true),
            ("r.example/models", "r.example/models:latest", true),
            ("r.example/models", "r.example/models-evil/x", false),
            ("r.example/models", "r.example/Models/x", false),
            ("r.example/models", "r.example/models/../evil", false),
            ("r.example/models", "r.example/models/.hidden", false),
            ("r.example", "r.example/models//x", false),
            ("r.example", "r.example/", false),
            ("docker.io", "vllm/vllm-openai", false),
            ("docker.io", "alpine", false),
            ("docker.io", "docker.io/library/alpine", true),
            ("localhost", "localhost/x", true),
            ("localhost", "LOCALHOST/x", true),
            ("", "/x", false),
        ] {
            let list = BTreeSet::from([entry.to_owned()]);
            let found =
                Repository::of_reference(reference).is_some_and(|repository| listed(&list, &repository));
            assert_eq!(found, expected, "{reference} by {entry}");
        }
    }

    #[test]
    fn a_narrower_entry_is_covered_by_a_wider_one() {
        let list = BTreeSet::from(["r.example/models".to_owned()]);
        assert!(entry_listed(&list, "r.example/models/llama"));
        assert!(!entry_listed(&list, "r.example"));
    }

    #[test]
    fn a_digest_is_sha256_with_64_digits() {
        let digits = "0123456789abcdef".repeat(4);
        for (reference, expected) in [
            (format!("r.example/a@sha256:{digits}"), true),
            (format!("r.example/a:v1@sha256:{digits}"), true),
            (format!("r.example/a@sha256:{digits}0"), false),
            (format!("r.example/a@sha256:{}", digits.to_uppercase()), false),
            (format!("r.example/a@sha512:{digits}"), false),
            (format!("r.example/a@x@sha256:{digits}"), false),
            ("r.example/a@sha256:".to_owned(), false),
            ("r.example/a:v1".to_owned(), false),
        ] {
            assert_eq!(has_digest(&reference), expected, "{reference}");
        }
    }
}
