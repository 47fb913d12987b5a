//! Quantities as Kubernetes writes them, in exact integer arithmetic: `8`, `1k`, `2Ki`, `100m`, `1e3`, `.5`.
//!
//! The grammar is that of `resource.Quantity` in `k8s.io/apimachinery`, with what its parser does beyond its
//! documentation. `operator/core/tests/quantity.rs` holds both to a table from the real parser.

use std::cmp::Ordering;

/// Decimal places that a quantity has. What is smaller is rounded up to one billionth, as in Kubernetes.
const PLACES: i64 = 9;

/// A quantity, exact to a billionth of its unit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quantity {
    negative: bool,
    /// The magnitude in billionths. It stops at the largest number, which is far beyond what any caller can use.
    nanos: u128,
}

/// What the number before a suffix is multiplied by: `10^decimal` and `2^binary`, one of which is 1.
#[derive(Clone, Copy)]
struct Unit {
    decimal: i32,
    binary: u32,
}

impl Quantity {
    /// Reads `text`; `None` where the API server would refuse it. Spaces are no part of a quantity.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, rest) = split_digits(unsigned);
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
        let unit = unit(suffix)?;
        // The real parser takes a text without a digit for zero, except where the unit is too large or too small for
        // the shorter of its two ways.
        let without_digits = whole.is_empty() && fraction.is_empty();
        if without_digits && (i64::from(unit.decimal) < -PLACES || unit.binary > 40) {
            return None;
        }
        let nanos = nanos(whole, fraction, unit);
        Some(Self { negative: negative && nanos > 0, nanos })
    }

    /// Whole units, rounded away from zero. What does not fit is capped at `i64::MAX` or its negative, as the
    /// documentation of Kubernetes has it; the real `Value()` wraps around there.
    pub fn value(self) -> i64 {
        self.signed(self.nanos.div_ceil(1_000_000_000))
    }

    /// Thousandths of a unit, rounded away from zero and capped like [`Self::value`].
    pub fn milli_value(self) -> i64 {
        self.signed(self.nanos.div_ceil(1_000_000))
    }

    /// Whole units, rounded up. `None` for a negative quantity and for one that does not fit.
    pub fn unsigned(self) -> Option<u64> {
        if self.negative {
            return None;
        }
        u64::try_from(self.nanos.div_ceil(1_000_000_000)).ok()
    }

    fn signed(self, magnitude: u128) -> i64 {
        let capped = i64::try_from(magnitude).unwrap_or(i64::MAX);
        if self.negative { -capped } else { capped }
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.nanos.cmp(&other.nanos),
            (true, true) => other.nanos.cmp(&self.nanos),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Whole units of the quantity in `text`, such as the devices of a node: rounded away from zero and capped like
/// [`Quantity::value`]. `None` where the text is no quantity.
pub fn whole(text: &str) -> Option<i64> {
    Quantity::parse(text).map(Quantity::value)
}

/// The ASCII digits with which `text` begins, and the rest.
fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

fn unit(suffix: &str) -> Option<Unit> {
    let decimal = |decimal| Some(Unit { decimal, binary: 0 });
    let binary = |binary| Some(Unit { decimal: 0, binary });
    match suffix {
        "" => decimal(0),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => decimal(exponent(suffix)?),
    }
}

/// The exponent after `e` or `E`.
#[allow(clippy::cast_possible_truncation, reason = "the real parser keeps the lower 32 bits too")]
fn exponent(suffix: &str) -> Option<i32> {
    let number: i64 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some(number as i32)
}

/// Billionths of a unit in `whole.fraction` times `unit`, rounded up.
fn nanos(whole: &str, fraction: &str, unit: Unit) -> u128 {
    let digits =
        multiplied(whole.bytes().chain(fraction.bytes()).map(|digit| digit - b'0'), 1 << unit.binary);
    let behind_the_point = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    let shift = i64::from(unit.decimal).saturating_sub(behind_the_point).saturating_add(PLACES);
    let dropped = usize::try_from(shift.saturating_neg()).unwrap_or(0).min(digits.len());
    let (kept, dropped) = digits.split_at(digits.len() - dropped);
    let rounded_up = u128::from(dropped.iter().any(|digit| *digit > 0));
    let number =
        kept.iter().try_fold(0_u128, |number, digit| number.checked_mul(10)?.checked_add(u128::from(*digit)));
    match (number, u32::try_from(shift.max(0))) {
        (Some(0), _) => rounded_up,
        (Some(number), Ok(shift)) => {
            number.saturating_mul(10_u128.saturating_pow(shift)).saturating_add(rounded_up)
        }
        _ => u128::MAX,
    }
}

/// Decimal digits, the highest first, of the number in `digits` times `factor`. A text may have more digits than any
/// integer holds.
fn multiplied(digits: impl DoubleEndedIterator<Item = u8>, factor: u64) -> Vec<u8> {
    let mut product = Vec::new();
    let mut carry = 0_u128;
    for digit in digits.rev() {
        carry += u128::from(digit) * u128::from(factor);
        product.push(last_digit(carry));
        carry /= 10;
    }
    while carry > 0 {
        product.push(last_digit(carry));
        carry /= 10;
    }
    product.reverse();
    product
}

fn last_digit(number: u128) -> u8 {
    u8::try_from(number % 10).unwrap_or(0)
}
