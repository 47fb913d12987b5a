//! Names of compiled policies.

use sha2::{Digest, Sha256};

/// The longest name of an object of the API, with room for what a binding or a static manifest adds.
const LONGEST: usize = 253 - 32;

/// The name, shortened where it is too long; then the beginning of its SHA-256 keeps it apart from all others.
pub fn bounded(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let digest = Sha256::digest(name);
    let digest = u128::from_be_bytes(std::array::from_fn(|position| digest[position]));
    let digest = format!("{digest:032x}");
    // Names of namespaces and policies are ASCII, so every position is a border between letters.
    let kept: String = name.chars().take(LONGEST - digest.len() - 2).collect();
    // A part between dots may not begin with a hyphen nor end with one.
    format!("{}.x{digest}", kept.trim_end_matches(['.', '-']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_stay_apart() {
        let long = |end: &str| format!("hemvist-models.halsa.{}{end}", "a".repeat(250));
        let (one, two) = (bounded(&long("1")), bounded(&long("2")));
        assert_ne!(one, two);
        assert!(one.len() <= LONGEST && one.starts_with("hemvist-models.halsa.aaa"), "{one}");
        assert_eq!(bounded("hemvist-models.halsa.own"), "hemvist-models.halsa.own");
    }
}
