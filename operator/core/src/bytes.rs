//! Numbers of bytes as the schema of `Bytes` takes them: a part of Kubernetes' quantities, without signs, exponents and
//! fractions of a byte.

use crate::quantity::Quantity;

/// Bytes of one gibibyte.
pub const GIBIBYTE: u64 = 1 << 30;

/// The most digits before the decimal point, as in the schema of `Bytes`.
const MAX_WHOLE_DIGITS: usize = 15;

/// The most digits after the decimal point, as in the schema of `Bytes`.
const MAX_FRACTION_DIGITS: usize = 3;

/// The suffixes of the schema. The binary ones come first, because `Ki` also ends in a letter.
const SUFFIXES: [&str; 10] = ["Ki", "Mi", "Gi", "Ti", "Pi", "k", "M", "G", "T", "P"];

/// The number of bytes that a quantity of the schema stands for, rounded up. `None` where the text is no such quantity or
/// the number does not fit.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let number = SUFFIXES.iter().find_map(|suffix| text.strip_suffix(suffix)).unwrap_or(text);
    let (whole, fraction) =
        number.split_once('.').map_or((number, None), |(whole, fraction)| (whole, Some(fraction)));
    let of_the_schema = digits(whole, MAX_WHOLE_DIGITS)
        && fraction.is_none_or(|fraction| digits(fraction, MAX_FRACTION_DIGITS));
    if of_the_schema { Quantity::parse(text)?.unsigned() } else { None }
}

/// The smallest whole number of gibibytes that holds `bytes`, such as `37Gi`.
pub fn gibibytes_up(bytes: u64) -> String {
    format!("{}Gi", bytes.div_ceil(GIBIBYTE))
}

/// Whether `text` is one to `max` digits and nothing else: no sign, no space.
fn digits(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What each suffix multiplies by, in the order of `SUFFIXES`.
    const MULTIPLIERS: [u64; 10] = [
        1 << 10,
        1 << 20,
        1 << 30,
        1 << 40,
        1 << 50,
        1_000,
        1_000_000,
        1_000_000_000,
        1_000_000_000_000,
        1_000_000_000_000_000,
    ];

    #[test]
    fn quantities_are_read_exactly() {
        for (text, bytes) in [
            ("0", 0),
            ("1", 1),
            ("141Gi", 141 * GIBIBYTE),
            ("1.5Gi", 3 * GIBIBYTE / 2),
            ("0.001", 1),
            ("0.001Ki", 2),
            ("1.024k", 1024),
            ("70G", 70_000_000_000),
            ("2Ti", 2 << 40),
            ("3P", 3_000_000_000_000_000),
            ("999999999999999", 999_999_999_999_999),
        ] {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_of_the_schema_is_refused() {
        for text in [
            "",
            "Gi",
            ".5Gi",
            "1.",
            "1.Gi",
            "1.2345",
            "-1",
            "+1",
            " 1",
            "1 Gi",
            "1e3",
            "1gi",
            "1K",
            "1m",
            "1Ei",
            "1.2.3",
            "1234567890123456",
            "٣",
        ] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(parse_bytes("16383Pi"), Some(16383 << 50));
        assert_eq!(parse_bytes("16384Pi"), None);
        assert_eq!(parse_bytes("999999999999999P"), None);
    }

    #[test]
    fn gibibytes_round_up() {
        assert_eq!(gibibytes_up(0), "0Gi");
        assert_eq!(gibibytes_up(1), "1Gi");
        assert_eq!(gibibytes_up(37 * GIBIBYTE), "37Gi");
        assert_eq!(gibibytes_up(37 * GIBIBYTE + 1), "38Gi");
        assert_eq!(gibibytes_up(u64::MAX), "17179869184Gi");
    }

    proptest! {
        #[test]
        fn a_plain_number_is_itself(bytes in 0_u64..1_000_000_000_000_000) {
            prop_assert_eq!(parse_bytes(&bytes.to_string()), Some(bytes));
        }

        #[test]
        fn gibibytes_come_back(gibibytes in 0_u64..1 << 33) {
            prop_assert_eq!(parse_bytes(&gibibytes_up(gibibytes * GIBIBYTE)), Some(gibibytes * GIBIBYTE));
        }

        #[test]
        fn rounding_up_never_loses_and_never_adds_a_gibibyte(bytes in 0_u64..1 << 60) {
            let rounded = parse_bytes(&gibibytes_up(bytes)).unwrap();
            prop_assert!(rounded >= bytes && rounded - bytes < GIBIBYTE);
        }

        #[test]
        fn a_fraction_is_rounded_up_to_the_byte(
            whole in 0_u64..1_000_000,
            thousandths in 0_u64..1000,
            suffix in 0_usize..SUFFIXES.len(),
        ) {
            let (name, multiplier) = (SUFFIXES[suffix], MULTIPLIERS[suffix]);
            let parsed = parse_bytes(&format!("{whole}.{thousandths:03}{name}"));
            let exact = u128::from(whole * 1000 + thousandths) * u128::from(multiplier);
            match parsed {
                Some(bytes) => prop_assert!(
                    u128::from(bytes) * 1000 >= exact && u128::from(bytes) * 1000 < exact + 1000
                ),
                None => prop_assert!(exact.div_ceil(1000) > u128::from(u64::MAX)),
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,32}") {
            let _ = parse_bytes(&text);
        }

        #[test]
        fn every_text_of_the_schema_is_read_or_too_large(
            text in "[0-9]{1,15}(\\.[0-9]{1,3})?(Ki|Mi|Gi|Ti|k|M|G)?"
        ) {
            let small = !text.contains("Gi") && !text.contains("Ti") && !text.ends_with('G');
            prop_assert!(parse_bytes(&text).is_some() || !small || text.contains("Mi") || text.ends_with('M'));
        }
    }
}
