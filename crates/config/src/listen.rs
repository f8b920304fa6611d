//! Where to listen: an address or a name, and a port.

use std::{
    fmt, io,
    net::{SocketAddr, ToSocketAddrs as _},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A host and a port. A name stands for all addresses it has when the server starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    host: String,
    port: u16,
}

/// What is no host and port.
#[derive(Debug, thiserror::Error)]
#[error(
    "listen must be a host and a port, such as 127.0.0.1:8080, [::1]:8080 or localhost:8080; \
     :8080 is that port on every IPv4 address of this machine, not {0:?}"
)]
pub struct InvalidListen(String);

impl Listen {
    /// This host and port.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port }
    }

    /// The same host at the next port.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { host: self.host.clone(), port: self.port.checked_add(1).unwrap_or(8_080) }
    }

    /// The addresses that are meant.
    ///
    /// # Errors
    /// If nobody knows the name.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(self.to_string().to_socket_addrs()?.collect())
    }
}

impl FromStr for Listen {
    type Err = InvalidListen;

    fn from_str(text: &str) -> Result<Self, InvalidListen> {
        let invalid = || InvalidListen(text.to_owned());
        let (host, port) = text.trim().rsplit_once(':').ok_or_else(invalid)?;
        let port = port.parse().map_err(|_| invalid())?;
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_sound = match address {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
        };
        let host = if host.is_empty() { "0.0.0.0" } else { host };
        if is_sound { Ok(Self::new(host, port)) } else { Err(invalid()) }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_address_or_a_name_or_every_address() {
        for (text, meant) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::1]:8080", "[::1]:8080"),
            ("localhost:0", "localhost:0"),
            (" tapes.example.com:80\n", "tapes.example.com:80"),
            (":8080", "0.0.0.0:8080"),
        ] {
            assert_eq!(text.parse::<Listen>().expect(text).to_string(), meant);
        }
        for text in
            ["", "8080", "localhost", "::1:8080", "[::1]", "[x]:80", ":", ":65536", "http://localhost:8080", "a b:1"]
        {
            let refused = text.parse::<Listen>().expect_err(text).to_string();
            assert!(refused.contains("localhost:8080") && refused.contains(text), "{refused}");
        }
    }
}
