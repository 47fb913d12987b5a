//! Enumerations that are closed sets of strings in the API.

/// Declares a closed enumeration with its spelling, so that the list of all values cannot drift from the variants.
macro_rules! closed_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[allow(missing_docs, reason = "where a value has no text of its own, its spelling is its meaning")]
        #[derive(
            Clone, Copy, Debug, serde::Deserialize, Eq, Hash, schemars::JsonSchema, Ord, PartialEq, PartialOrd, serde::Serialize,
        )]
        pub enum $name {
            $($(#[$variant_meta])* $variant),+
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value as it is written in YAML.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant)),+
                }
            }

            /// The value with this spelling, or `None` where there is no such value.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use closed_enum;
