//! Whether an image is below one of the registries of a list.

use std::collections::BTreeSet;

use super::cel::{Expr, all, any, name, text, texts};
use super::pattern::{PATH, REFERENCE, REFERENCE_BY_DIGEST, prefixes};

/// Whether the reference `image` is below one of the registries.
pub fn is_below(registries: &BTreeSet<String>, image: &Expr) -> Expr {
    below(registries, REFERENCE, image)
}

/// The same, and the image is named by SHA-256.
pub fn is_below_by_digest(registries: &BTreeSet<String>, image: &Expr) -> Expr {
    below(registries, REFERENCE_BY_DIGEST, image)
}

/// A list within a regular expression would cost as much as it is long, for every letter of the image. So it is only asked
/// whether the reference is one, and its name is compared with the beginnings that the list allows.
fn below(registries: &BTreeSet<String>, written: &str, image: &Expr) -> Expr {
    let host = image.clone().call("split", [text("/")]).item(Expr::Int(0)).call("lowerAscii", []);
    let path = image.clone().call("find", [text(PATH)]);
    let named = Expr::List(vec![host.plus(path).plus(text("/"))]);
    let is_listed =
        |name: Expr| texts(prefixes(registries)).some("p", name.call("startsWith", [super::cel::name("p")]));
    // Nearly every image is written just as the list is, which is seen at a glance.
    let as_written = is_listed(image.clone());
    all([image.clone().matches(written), any([as_written, named.some("n", is_listed(name("n")))])])
}
