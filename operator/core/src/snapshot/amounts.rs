//! Lists of resources as they stand in objects.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::quantity;

/// A quantity as it is written. A manifest may have a number where the API server writes a text.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Amount(pub(super) String);

/// A list of resources.
pub(super) type Amounts = BTreeMap<String, Amount>;

/// The most units that are believed. No node has more devices, and sums over all nodes and pods stay far from the end of
/// their type, whatever a kubelet states.
const MOST: i64 = 1_000_000;

impl Amount {
    /// Whole units, at least none; `None` where the text is no quantity.
    pub(super) fn whole(&self) -> Option<i64> {
        Some(quantity::whole(&self.0)?.clamp(0, MOST))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = Amount;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a quantity")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Amount, E> {
                Ok(Amount(text.to_owned()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Amount, E> {
                Ok(Amount(number.to_string()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Amount, E> {
                Ok(Amount(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Amount, E> {
                Ok(Amount(number.to_string()))
            }
        }
        deserializer.deserialize_any(Written)
    }
}
