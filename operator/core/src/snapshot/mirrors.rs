//! Which stores weights may be fetched from, and their addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The port of HTTPS.
const HTTPS: u16 = 443;

/// The stores that weights may be fetched from. One that is not listed is not reached, and a model that names it is refused.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Mirrors(BTreeMap<String, BTreeSet<String>>);

/// Where a store is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MirrorAddress {
    /// The networks in which it is, such as `10.20.0.0/16`.
    pub networks: BTreeSet<String>,
    /// The port on which it answers.
    pub port: u16,
}

impl Mirrors {
    /// The mirrors of settings, each written as `https://objects.region.example=10.20.0.0/16+10.21.0.0/16`.
    ///
    /// # Errors
    /// A sentence about the first that cannot be read.
    pub fn read<'a>(settings: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut mirrors = BTreeMap::new();
        for setting in settings.into_iter().map(str::trim).filter(|setting| !setting.is_empty()) {
            let refused = |why: &str| {
                format!(
                    "the mirror {setting:?} {why}; write one as https://objects.region.example=10.20.0.0/16+10.21.0.0/16"
                )
            };
            let (endpoint, networks) = setting.split_once('=').ok_or_else(|| refused("names no networks"))?;
            if port(endpoint).is_none() {
                return Err(refused("has no address of a host over https"));
            }
            let networks: BTreeSet<String> = networks.split('+').map(str::to_owned).collect();
            if let Some(wrong) = networks.iter().find(|network| !is_network(network)) {
                return Err(refused(&format!("has {wrong:?}, which is no network or is every one")));
            }
            mirrors.entry(endpoint.to_owned()).or_insert_with(BTreeSet::new).extend(networks);
        }
        Ok(Self(mirrors))
    }

    /// Where the store at this endpoint is, if weights may be fetched from it.
    pub fn address(&self, endpoint: &str) -> Option<MirrorAddress> {
        Some(MirrorAddress { networks: self.0.get(endpoint)?.clone(), port: port(endpoint)? })
    }

    /// The endpoints, in order.
    pub fn endpoints(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// The port of an endpoint, or `None` where it is none.
fn port(endpoint: &str) -> Option<u16> {
    let authority = endpoint.strip_prefix("https://")?;
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, HTTPS),
    };
    let plain =
        |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, b'.' | b'-');
    (!host.is_empty() && host.bytes().all(plain)).then_some(port)
}

/// Whether this is a network, and not all of them.
fn is_network(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    length
        .parse::<u8>()
        .is_ok_and(|length| (1..=longest).contains(&length) && text.ends_with(&format!("/{length}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_an_endpoint_with_its_networks() {
        let settings = [
            "https://objects.region.example=10.20.0.0/16+fd00::/8",
            "",
            " https://hub.example:8443=10.0.0.1/32",
        ];
        let mirrors = Mirrors::read(settings).unwrap();
        assert_eq!(mirrors.endpoints().count(), 2);
        let address = mirrors.address("https://objects.region.example").unwrap();
        assert_eq!((address.port, address.networks.len()), (443, 2));
        assert_eq!(mirrors.address("https://hub.example:8443").unwrap().port, 8443);
        assert_eq!(mirrors.address("https://elsewhere.example"), None);
    }

    #[test]
    fn what_would_open_everything_is_refused() {
        for wrong in [
            "https://objects.example",
            "https://objects.example=",
            "https://objects.example=0.0.0.0/0",
            "https://objects.example=::/0",
            "https://objects.example=10.0.0.0",
            "https://objects.example=10.0.0.0/33",
            "https://objects.example=10.0.0.0/+8",
            "http://objects.example=10.0.0.0/8",
            "https://=10.0.0.0/8",
            "https://o.example/path=10.0.0.0/8",
            "https://o.example:99999=10.0.0.0/8",
        ] {
            assert!(Mirrors::read([wrong]).unwrap_err().contains(wrong), "{wrong}");
        }
    }
}
