//! The proxies in front that are believed: what they say of a client is taken for what it is.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, SeqAccess, Visitor},
};

/// Addresses and networks of proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

    fn add(&mut self, text: &str) -> Result<(), InvalidProxy> {
        let network = match text.parse() {
            Ok(network) => Some(network),
            Err(_) => text.parse().ok().map(|address: IpAddr| IpNet::from(address.to_canonical())),
        };
        self.0.push(network.ok_or_else(|| InvalidProxy(text.to_owned()))?);
        Ok(())
    }
}

impl FromStr for Proxies {
    type Err = InvalidProxy;

    /// Several are separated by commas.
    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        let mut proxies = Self::default();
        for text in text.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            proxies.add(text)?;
        }
        Ok(proxies)
    }
}

impl Serialize for Proxies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

impl<'de> Deserialize<'de> for Proxies {
    /// A list, or one text as the environment has it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListOrText)
    }
}

struct ListOrText;

impl<'de> Visitor<'de> for ListOrText {
    type Value = Proxies;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("addresses or networks")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Proxies, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Proxies, A::Error> {
        let mut proxies = Proxies::default();
        while let Some(text) = list.next_element::<String>()? {
            proxies.add(text.trim()).map_err(A::Error::custom)?;
        }
        Ok(proxies)
    }
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
