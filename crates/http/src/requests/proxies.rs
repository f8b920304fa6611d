//! The proxies in front that are believed: what they say of a client is taken for what it is.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::texts::Texts;

/// Addresses and networks of proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Texts", into = "Texts")]
pub struct Proxies(Vec<IpNet>);

/// What is neither an address nor a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidProxy(String);

impl fmt::Display for InvalidProxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        write!(
            formatter,
            "http.proxies must be addresses or networks, such as 127.0.0.1, ::1 or 10.0.0.0/8, not {text:?}"
        )
    }
}

impl std::error::Error for InvalidProxy {}

impl Proxies {
    /// Whether this is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl TryFrom<Texts> for Proxies {
    type Error = InvalidProxy;

    fn try_from(texts: Texts) -> Result<Self, InvalidProxy> {
        let networks = texts.into_vec().into_iter().map(|text| network(&text).ok_or(InvalidProxy(text)));
        networks.collect::<Result<_, _>>().map(Self)
    }
}

impl From<Proxies> for Texts {
    fn from(Proxies(networks): Proxies) -> Self {
        Self::from(networks.iter().map(ToString::to_string).collect::<Vec<_>>())
    }
}

impl FromStr for Proxies {
    type Err = InvalidProxy;

    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        Texts::from(text).try_into()
    }
}

fn network(text: &str) -> Option<IpNet> {
    let address = || text.parse().ok().map(|address: IpAddr| IpNet::from(address.to_canonical()));
    text.parse().ok().or_else(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_addresses_and_networks() {
        let proxies: Proxies = "127.0.0.1, 10.0.0.0/8,::1".parse().expect("valid");

        for (address, is_one) in [
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("::1", true),
            ("2001:db8::1", false),
        ] {
            assert_eq!(proxies.contains(address.parse().expect("an address")), is_one, "{address}");
        }
        assert!("nginx".parse::<Proxies>().is_err() && "10.0.0.0/33".parse::<Proxies>().is_err());
    }
}
