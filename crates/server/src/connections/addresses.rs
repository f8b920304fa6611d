//! How many connections each address has: one client is not to take them all.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tapebase_http::{Proxies, is_local, network};

/// Counts connections by the address of the client.
#[derive(Clone)]
pub struct Addresses {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    /// Whose address is none of a client; unknown where it is a proxy that says who the client is.
    proxies: Option<Proxies>,
    limit: usize,
}

/// A connection that counts.
pub struct Place {
    addresses: Addresses,
    client: IpAddr,
}

/// The address has as many as it may.
pub struct TooMany;

impl Addresses {
    /// So many connections for each peer, but for `proxies`, which have many clients.
    pub fn of_peers(limit: usize, proxies: Proxies) -> Self {
        Self { counts: Arc::default(), proxies: Some(proxies), limit }
    }

    /// So many for each client that a proxy speaks of.
    pub fn of_clients(limit: usize) -> Self {
        Self { counts: Arc::default(), proxies: None, limit }
    }

    /// Counts one from `peer`; `None` if that is not a client's address.
    pub fn enter(&self, peer: IpAddr) -> Result<Option<Place>, TooMany> {
        let Some(client) = self.client(peer) else { return Ok(None) };
        let mut counts = self.lock();
        let count = counts.entry(client).or_default();
        if *count >= self.limit {
            return Err(TooMany);
        }
        *count += 1;
        Ok(Some(Place { addresses: self.clone(), client }))
    }

    /// Whose connection it is; `None` of a proxy: a configured one, or one that only may be, for what is in the same
    /// network or on the same machine may speak for anybody.
    fn client(&self, peer: IpAddr) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        if self.proxies.as_ref().is_some_and(|proxies| is_local(peer) || proxies.contains(peer)) {
            return None;
        }
        Some(network(peer))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.addresses.lock();
        if let Some(count) = counts.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(addresses: &Addresses, peer: &str) -> Result<Option<Place>, TooMany> {
        addresses.enter(peer.parse().expect("an address"))
    }

    #[test]
    fn one_address_gets_so_many_connections_and_another_gets_its_own() {
        let addresses = Addresses::of_peers(2, Proxies::default());
        let first = enter(&addresses, "203.0.113.7");
        let second = enter(&addresses, "::ffff:203.0.113.7");
        assert!(matches!((&first, &second), (Ok(Some(_)), Ok(Some(_)))));

        assert!(enter(&addresses, "203.0.113.7").is_err());
        assert!(matches!(enter(&addresses, "203.0.113.8"), Ok(Some(_))));

        drop(first);
        assert!(matches!(enter(&addresses, "203.0.113.7"), Ok(Some(_))));
        drop(second);
        assert!(addresses.lock().is_empty());
    }

    #[test]
    fn a_network_of_version_6_is_one_client() {
        let addresses = Addresses::of_peers(1, Proxies::default());

        let _first = enter(&addresses, "2001:db8:0:1::1");

        assert!(enter(&addresses, "2001:db8:0:1:ffff::2").is_err());
        assert!(enter(&addresses, "2001:db8:0:2::1").is_ok());
    }

    #[test]
    fn what_is_or_may_be_a_proxy_is_no_client() {
        let addresses = Addresses::of_peers(0, "203.0.113.0/24".parse().expect("a network"));

        for peer in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "::1",
            "fd00::1",
            "203.0.113.9",
        ] {
            assert!(matches!(enter(&addresses, peer), Ok(None)), "{peer}");
        }
        assert!(enter(&addresses, "198.51.100.7").is_err());
    }
}
