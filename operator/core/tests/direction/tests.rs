//! That a wrong arrow is seen, however it is written.

use crate::Crate;
use crate::reader::read;
use crate::tree::{Tree, circles};

/// Two layers: `low` below, `high` and `beside` above.
const EXAMPLE: Crate = Crate {
    folder: "example",
    layers: &[&["low"], &["high", "beside"]],
    apart: &["beside"],
    files_too: false,
};

/// What is wrong where the file of `low` says this.
fn faults_of_low(text: &str) -> Vec<String> {
    faults(&[
        ("lib.rs", &[], "pub mod low; pub mod high; mod beside; pub use high::Handed; pub struct Own;"),
        ("low.rs", &["low"], text),
        ("high.rs", &["high"], "mod inner; use crate::low::Thing; pub struct Handed;"),
        ("high/inner.rs", &["high", "inner"], "pub struct Deep;"),
        ("beside.rs", &["beside"], "use crate::low;"),
    ])
}

fn faults(files: &[(&str, &[&str], &str)]) -> Vec<String> {
    EXAMPLE.faults(&[tree(files)])
}

fn tree(files: &[(&str, &[&str], &str)]) -> Tree {
    let mut tree = Tree::default();
    for (file, module, text) in files {
        let module: Vec<String> = module.iter().map(|&name| name.to_owned()).collect();
        tree.add(file, &module, read(text));
    }
    tree
}

#[test]
fn a_use_of_a_lower_module_or_another_crate_is_right() {
    for text in [
        "",
        "use std::collections::{BTreeMap, btree_map::Entry};\nuse serde_json::json;",
        "use high::Other; // of another crate, as nothing here is called so",
        "pub struct Thing; impl Thing { fn new() -> Self { Self::of(super_::x()) } }",
        "#[cfg(test)] mod tests { use super::*; use super::Thing; use crate::low::other; }",
        "use crate::low::{self, Thing}; use self::Thing as Same;",
        "pub(crate) struct Thing; pub(in crate::high) struct Other;",
    ] {
        assert_eq!(faults_of_low(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_use_of_a_higher_module_is_found_however_it_is_written() {
    for text in [
        "use crate::high::Handed;",
        "use crate::high;",
        "use crate::high as h;",
        "use crate::{high};",
        "use crate::{low::Thing, high::{Handed, inner::Deep}};",
        "use super::high::Handed;",
        "use super::{high, low};",
        "use {std::fmt, crate::high};",
        "pub use crate::high::*;",
        "extern crate std; pub(crate) use crate::high::inner::Deep;",
        "fn a() { crate::high::act(); }",
        "fn a(one: &crate::high::Handed) {}",
        "fn a() { let b = super::high::Handed::<u8> { c: 1 }; }",
        "impl From<crate::high::Handed> for u8 {}",
        "macro_rules! a { () => { $crate::high::act() }; }",
        "#[serde(with = \"crate::high\")] struct A;",
        "mod inner { fn a() { super::super::high::act(); } }",
        "#[cfg(test)] mod tests { use super::super::high::Handed; }",
        "#[cfg(test)] mod tests { use crate::{low::*, high}; }",
        "/* /* */ */ use /* here */ crate :: high :: Handed;",
        "const A: &str = \"\\\"\"; const B: char = '\"'; use crate::high;",
        "const A: &str = r#\"\"{\"#; fn a<'a>(b: &'a str) -> char { '\\'' } use crate::high;",
        "use crate::Handed;",
        "use crate::{Handed as H};",
    ] {
        let faults = faults_of_low(text);
        assert!(!faults.is_empty(), "{text}");
        assert!(faults.iter().all(|fault| fault.contains("low must not use high")), "{text}: {faults:?}");
    }
}

#[test]
fn a_text_that_only_resembles_a_path_is_not_one() {
    for text in [
        "/// See [`crate::high::Handed`] and `use crate::high;`.\npub struct A;",
        "//! use crate::high;\n// use crate::high;\n/* use crate::high; /* crate::high */ */",
        "const A: &str = \"use crate::high;\"; const B: &str = r\"\n crate::high::x \"; const C: &[u8] = b\"x crate::high\";",
        "fn a() { high::b(); let high = 1; high.c(); }",
    ] {
        assert_eq!(faults_of_low(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_root_is_above_all() {
    for text in ["use crate::Own;", "use super::Own;", "use crate::*;", "use super::*;"] {
        let faults = faults_of_low(text);
        assert_eq!(faults.len(), 1, "{text}: {faults:?}");
        assert!(faults[0].contains("low must not use the root of the crate"), "{faults:?}");
    }
}

#[test]
fn modules_of_one_layer_do_not_know_each_other() {
    let found = faults(&[
        ("lib.rs", &[], "mod low; mod high; mod beside;"),
        ("low.rs", &["low"], ""),
        ("high.rs", &["high"], "fn a() { crate::beside::act() }"),
        ("beside.rs", &["beside"], ""),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("high must not use beside"), "{found:?}");
}

#[test]
fn children_that_are_kept_apart_do_not_know_each_other() {
    let files = |inner: &'static str| {
        faults(&[
            ("lib.rs", &[], "mod low; mod high; mod beside;"),
            ("low.rs", &["low"], ""),
            ("high.rs", &["high"], ""),
            ("beside.rs", &["beside"], "mod one; mod two; use one::One; use two::TWO;"),
            ("beside/one.rs", &["beside", "one"], "use crate::low;"),
            ("beside/two.rs", &["beside", "two"], "mod inner; use inner::Inner;"),
            ("beside/two/inner.rs", &["beside", "two", "inner"], inner),
        ])
    };
    assert_eq!(files("use super::TWO; use crate::low::Low;"), Vec::<String>::new());
    for known in ["use crate::beside::one::One;", "use super::super::one;"] {
        let found = files(known);
        assert_eq!(found.len(), 1, "{known}: {found:?}");
        assert!(found[0].contains("children must not know each other"), "{found:?}");
    }
}

#[test]
fn a_module_without_a_layer_and_a_layer_without_a_module_are_seen() {
    let found = faults(&[
        ("lib.rs", &[], ""),
        ("low.rs", &["low"], ""),
        ("high.rs", &["high"], ""),
        ("new.rs", &["new"], ""),
    ]);
    assert_eq!(found, ["example: the module new has no layer", "example: there is no module beside"]);
}

#[test]
fn files_of_one_module_in_a_circle_are_seen() {
    let files: [(&str, &[&str], &str); 4] = [
        ("high.rs", &["high"], "mod one; mod two; use one::One; pub struct Parent;"),
        ("high/one.rs", &["high", "one"], "use super::two; pub struct One;"),
        ("high/two.rs", &["high", "two"], "fn a() { crate::high::one::act() }"),
        ("high/alone.rs", &["high", "alone"], "use super::one::One;"),
    ];
    let found = circles(&tree(&files).arrows());
    assert_eq!(found, [["high/one.rs", "high/two.rs"].map(str::to_owned).into()]);
    // What a child takes from its parent closes a circle as well.
    let mut files = files;
    files[2].2 = "use super::Parent;";
    assert_eq!(circles(&tree(&files).arrows())[0].len(), 3);
}

#[test]
fn modules_are_found_where_their_files_are() {
    let source = read(
        "#[cfg(test)]\n#[path = \"queue_tests.rs\"]\nmod tests;\nmod a { mod b; }\npub(crate) mod c;\nmod d { }",
    );
    let found: Vec<_> = source
        .files
        .iter()
        .map(|one| (one.within.join("/"), one.name.as_str(), one.path.as_deref()))
        .collect();
    let none = String::new();
    assert_eq!(
        found,
        [(none.clone(), "tests", Some("queue_tests.rs")), ("a".to_owned(), "b", None), (none, "c", None)]
    );
    assert_eq!(source.inline, [["a"], ["d"]]);
}
