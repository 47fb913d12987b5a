//! Quantities are read as Kubernetes reads them: `quantity/table.tsv` is what its own parser makes of 827 texts. The
//! program in `e2e/controlplane/quantities` writes it (`make quantities`).

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may read files, and fails where the table is not as expected"
)]

use hemvist_core::quantity::{Quantity, whole};
use proptest::prelude::*;

const TABLE: &str = include_str!("quantity/table.tsv");

/// One line of the table that the real parser took.
struct Read<'a> {
    /// The exact value, written out; `huge` where it has more digits than anybody would write.
    exact: &'a str,
    value: i64,
    milli: i64,
}

fn rows() -> Vec<(String, Option<Read<'static>>)> {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        let text = serde_json::from_str(columns[0]).unwrap();
        let read = (columns[1] != "refused").then(|| Read {
            exact: columns[1],
            value: columns[2].parse().unwrap(),
            milli: columns[3].parse().unwrap(),
        });
        (text, read)
    });
    rows.collect()
}

/// What `exact` is in units of `10^-places`, rounded away from zero; `None` where that is more than `i64` holds.
fn rounded(exact: &str, places: usize) -> Option<i64> {
    let (negative, unsigned) = exact.strip_prefix('-').map_or((false, exact), |rest| (true, rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let fraction = format!("{fraction:0<places$}");
    let number: i128 = format!("{whole}{}", &fraction[..places]).parse().ok()?;
    let up = i128::from(fraction[places..].bytes().any(|digit| digit != b'0'));
    let magnitude = i64::try_from(number + up).ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

fn capped(exact: &str, places: usize) -> i64 {
    rounded(exact, places).unwrap_or(if exact.starts_with('-') { -i64::MAX } else { i64::MAX })
}

#[test]
fn what_the_real_parser_refuses_is_refused_and_nothing_else() {
    let rows = rows();
    let refused = rows.iter().filter(|(_, read)| read.is_none()).count();
    assert!(rows.len() > 800 && refused > 80, "{refused} of {} texts are refused", rows.len());
    for (text, read) in rows {
        assert_eq!(Quantity::parse(&text).is_some(), read.is_some(), "{text:?}");
        assert_eq!(whole(&text).is_some(), read.is_some(), "{text:?}");
    }
}

#[test]
fn what_the_real_parser_reads_is_read_to_the_same_value() {
    let mut compared = 0;
    for (text, read) in rows() {
        let Some(read) = read else { continue };
        let quantity = Quantity::parse(&text).unwrap();
        // Zero times ten to the 400 is written out as `huge`, and is zero.
        if read.exact == "huge" {
            let expected = if text.starts_with('0') { 0 } else { i64::MAX };
            assert_eq!((quantity.value(), quantity.milli_value()), (expected, expected), "{text}");
            continue;
        }
        assert_eq!(quantity.value(), capped(read.exact, 0), "{text}");
        assert_eq!(quantity.milli_value(), capped(read.exact, 3), "{text}");
        // Where the number fits, that is what the real functions return. Of negative fractions they round some up and
        // some away from zero, by the way that the number was read; only the exact value is compared there.
        if !read.exact.starts_with('-') {
            for (ours, theirs, places) in
                [(quantity.value(), read.value, 0), (quantity.milli_value(), read.milli, 3)]
            {
                if rounded(read.exact, places).is_some() {
                    assert_eq!(ours, theirs, "{text} to {places} places");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 1000, "only {compared} values were compared");
}

#[test]
fn the_table_is_of_the_kubernetes_that_the_tests_run() {
    let modules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../e2e/controlplane/go.mod");
    let modules = std::fs::read_to_string(modules).unwrap();
    let written = TABLE.lines().next().unwrap().strip_prefix("# k8s.io/apimachinery ").unwrap();
    let used = modules.lines().find_map(|line| line.trim().strip_prefix("k8s.io/apimachinery ")).unwrap();
    assert_eq!(used.split(' ').next(), Some(written), "rewrite the table with `make quantities`");
}

#[test]
fn devices_are_counted_in_every_spelling() {
    for (text, devices) in [
        ("8", 8),
        ("1k", 1000),
        ("2Ki", 2048),
        ("100m", 1),
        ("1e3", 1000),
        ("+1", 1),
        (".5", 1),
        ("1.", 1),
        ("-1", -1),
    ] {
        assert_eq!(whole(text), Some(devices), "{text}");
    }
    for text in ["", " 1", "one", "1K", "1ki", "1 Gi"] {
        assert_eq!(whole(text), None, "{text}");
    }
}

#[test]
fn quantities_are_ordered_by_what_they_stand_for() {
    let texts = ["-1k", "-1", "-999m", "0", "1n", "999m", "1", "1k", "1Ki", "2e3"];
    let quantities: Vec<_> = texts.iter().map(|text| Quantity::parse(text).unwrap()).collect();
    assert!(quantities.is_sorted_by(|one, next| one < next), "{quantities:?}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,40}") {
        let _ = Quantity::parse(&text).map(|quantity| (quantity.value(), quantity.milli_value(), quantity.unsigned()));
    }

    #[test]
    fn a_whole_number_is_itself(number in any::<i64>()) {
        prop_assert_eq!(whole(&number.to_string()), Some(number.max(-i64::MAX)));
    }

    #[test]
    fn all_spellings_of_a_number_are_one(number in 0_u32..=u32::MAX) {
        let quantity = Quantity::parse(&number.to_string());
        for text in [
            format!("+{number}"), format!("00{number}"), format!("{number}."), format!("{number}.000"), format!("{number}000m"),
            format!("{number}e0"), format!("{number}000E-3"), format!("{number}000000000n"),
        ] {
            prop_assert_eq!(Quantity::parse(&text), quantity, "{}", text);
        }
    }

    #[test]
    fn quantities_are_read_by_the_grammar(
        text in r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})(([KMGTPE]i)|[numkMGTPE]|[eE][+-]?[0-9]{1,4})?"
    ) {
        prop_assert!(Quantity::parse(&text).is_some());
    }
}
