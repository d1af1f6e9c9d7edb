//! How many connections there may be: in all, and of those that have not finished their handshake. The latter are counted
//! by host, so that whoever opens connections and says nothing keeps nobody else out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buoy_topology::HostName;
use thiserror::Error;

/// The places of all listeners together.
#[derive(Clone, Debug, Default)]
pub struct Places(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    connections: usize,
    handshakes: HashMap<HostName, usize>,
}

/// The place of one connection, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    /// The host, while the handshake is not over.
    shaking: Option<HostName>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Full {
    #[error("there are {MAX_CONNECTIONS} connections already")]
    Connections,
    #[error("its host has {MAX_HANDSHAKES} connections that have not finished their handshake")]
    Handshakes,
}

impl Places {
    pub(super) fn take(&self, host: &HostName) -> Result<Place, Full> {
        let mut taken = self.lock();
        if taken.connections >= MAX_CONNECTIONS {
            return Err(Full::Connections);
        }
        let handshakes = taken.handshakes.entry(host.clone()).or_default();
        if *handshakes >= MAX_HANDSHAKES {
            return Err(Full::Handshakes);
        }
        *handshakes += 1;
        taken.connections += 1;
        Ok(Place { places: self.clone(), shaking: Some(host.clone()) })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing under the lock panics, and counts are right after each step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The connection counts no more among those that have not finished their handshake.
    pub(super) fn finish_handshake(&mut self) {
        let Some(host) = self.shaking.take() else { return };
        let mut taken = self.places.lock();
        if let Some(count) = taken.handshakes.get_mut(&host) {
            *count -= 1;
            if *count == 0 {
                taken.handshakes.remove(&host);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.finish_handshake();
        self.places.lock().connections -= 1;
    }
}

/// More bridges than one controller serves; a flood of connections ends here.
const MAX_CONNECTIONS: usize = 4096;
/// Bridges of one host that may connect at the same moment.
const MAX_HANDSHAKES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> HostName {
        HostName(name.into())
    }

    #[test]
    fn one_host_cannot_take_the_places_of_another() {
        let places = Places::default();
        let idle: Vec<_> = (0..MAX_HANDSHAKES).map(|_| places.take(&host("192.0.2.1")).unwrap()).collect();
        assert_eq!(places.take(&host("192.0.2.1")).unwrap_err(), Full::Handshakes);
        assert!(places.take(&host("192.0.2.2")).is_ok());
        drop(idle);
        assert!(places.take(&host("192.0.2.1")).is_ok());
    }

    #[test]
    fn a_finished_handshake_makes_room_for_the_next() {
        let places = Places::default();
        let mut ready = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            let mut place = places.take(&host("192.0.2.1")).unwrap();
            place.finish_handshake();
            ready.push(place);
        }
        assert_eq!(places.take(&host("192.0.2.2")).unwrap_err(), Full::Connections);
        ready.pop();
        assert!(places.take(&host("192.0.2.2")).is_ok());
    }
}
