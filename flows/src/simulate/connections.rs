//! The connections that a tracker knows: who speaks to whom, as both ends see it. The caller keeps them from packet to
//! packet, and may add what a switch has.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// From whom to whom packets go, and by which protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    /// The protocol inside IPv4.
    pub proto: u8,
    /// Who sends.
    pub src: Endpoint,
    /// Who gets it.
    pub dst: Endpoint,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its port; both ends of a ping have its identifier.
    pub port: u16,
    /// The type of the ICMP messages that it sends; 0 with other protocols.
    pub icmp_type: u8,
}

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The zone that it is in.
    pub zone: u16,
    /// Its first packet as it came in.
    pub original: Tuple,
    /// Answers as they come in. They go the same way back, unless the connection is translated.
    pub reply: Tuple,
    /// Whether there was one: the connection is established then.
    pub is_answered: bool,
}

/// Which way a packet of a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Original,
    Reply,
}

/// All connections of all zones.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    all: Vec<Connection>,
    by_tuple: BTreeMap<(u16, Tuple), (usize, Way)>,
}

impl Connections {
    /// Adds a connection. One whose packets would be taken for those of another one is not added, and the answer is no.
    pub fn add(&mut self, connection: Connection) -> bool {
        let Connection { zone, original, reply, .. } = connection;
        let is_free = self.is_free(zone, original) && self.is_free(zone, reply) && original != reply;
        if is_free {
            let index = self.all.len();
            self.by_tuple.insert((zone, original), (index, Way::Original));
            self.by_tuple.insert((zone, reply), (index, Way::Reply));
            self.all.push(connection);
        }
        is_free
    }

    /// All of them, in the order in which they began.
    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.all.iter()
    }

    /// Whether no packet of a connection looks like this in its zone.
    pub(super) fn is_free(&self, zone: u16, tuple: Tuple) -> bool {
        !self.by_tuple.contains_key(&(zone, tuple))
    }

    /// The connection that a packet belongs to, and which way it goes.
    pub(super) fn find(&mut self, zone: u16, tuple: Tuple) -> Option<(&mut Connection, Way)> {
        let (index, way) = *self.by_tuple.get(&(zone, tuple))?;
        Some((self.all.get_mut(index)?, way))
    }
}

impl Connection {
    /// A packet that goes this way, as it comes out of the tracker.
    pub(super) fn translated(&self, way: Way) -> Tuple {
        match way {
            Way::Original => self.reply.reversed(),
            Way::Reply => self.original.reversed(),
        }
    }
}

impl Way {
    pub(super) fn reversed(self) -> Self {
        match self {
            Self::Original => Self::Reply,
            Self::Reply => Self::Original,
        }
    }
}

impl Tuple {
    /// The other way round.
    pub fn reversed(self) -> Self {
        Self { src: self.dst, dst: self.src, ..self }
    }
}
