//! The switch's ports, and word that one came, went or changed.

use buoy_topology::{MacAddr, PortNo};
use bytes::{BufMut, BytesMut};

use super::codec_error::DecodeError;
use super::wire::{Reader, put_padding, put_text};

const NAME_LEN: usize = 16;

/// What the administrator set a port to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PortConfig(pub u32);

impl PortConfig {
    /// The port is shut (OFPPC_PORT_DOWN).
    pub const PORT_DOWN: Self = Self(1);

    /// Whether all these bits are set.
    pub const fn contains(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }
}

/// How a port is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PortState(pub u32);

impl PortState {
    /// There is no carrier (OFPPS_LINK_DOWN).
    pub const LINK_DOWN: Self = Self(1);
    /// The switch does not forward to it (OFPPS_BLOCKED).
    pub const BLOCKED: Self = Self(2);
    /// It can be used (OFPPS_LIVE).
    pub const LIVE: Self = Self(4);

    /// Whether all these bits are set.
    pub const fn contains(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }
}

/// One port of a switch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Port {
    /// Its OpenFlow number.
    pub number: PortNo,
    /// Its own Ethernet address.
    pub hw_addr: MacAddr,
    /// Its name, at most 15 bytes of it.
    pub name: String,
    /// What the administrator set it to.
    pub config: PortConfig,
    /// How it is.
    pub state: PortState,
    /// The speeds and media it uses now.
    pub curr: u32,
    /// The ones that it offers to its peer.
    pub advertised: u32,
    /// The ones that it could do.
    pub supported: u32,
    /// The ones that its peer offers.
    pub peer: u32,
    /// Its speed in kbit/s.
    pub curr_speed: u32,
    /// Its highest speed in kbit/s.
    pub max_speed: u32,
}

impl Port {
    pub(super) fn put(&self, out: &mut BytesMut) {
        out.put_u32(self.number.0);
        put_padding(out, 4);
        out.put_slice(&self.hw_addr.octets());
        put_padding(out, 2);
        put_text(out, &self.name, NAME_LEN);
        out.put_u32(self.config.0);
        out.put_u32(self.state.0);
        for word in [self.curr, self.advertised, self.supported, self.peer, self.curr_speed, self.max_speed] {
            out.put_u32(word);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let number = PortNo(reader.u32()?);
        reader.skip(4)?;
        let hw_addr = MacAddr::new(reader.array()?);
        reader.skip(2)?;
        let name = reader.text(NAME_LEN)?;
        Ok(Self {
            number,
            hw_addr,
            name,
            config: PortConfig(reader.u32()?),
            state: PortState(reader.u32()?),
            curr: reader.u32()?,
            advertised: reader.u32()?,
            supported: reader.u32()?,
            peer: reader.u32()?,
            curr_speed: reader.u32()?,
            max_speed: reader.u32()?,
        })
    }
}

/// What happened to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PortReason {
    /// It came.
    Add,
    /// It went.
    Delete,
    /// It changed.
    Modify,
}

/// Word that a port came, went or changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortStatus {
    /// What happened.
    pub reason: PortReason,
    /// The port as it is now, or was at last.
    pub port: Port,
}

impl PortStatus {
    pub(super) fn encode_body(&self, out: &mut BytesMut) {
        out.put_u8(match self.reason {
            PortReason::Add => 0,
            PortReason::Delete => 1,
            PortReason::Modify => 2,
        });
        put_padding(out, 7);
        self.port.put(out);
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("port status", body);
        let reason = match reader.u8()? {
            0 => PortReason::Add,
            1 => PortReason::Delete,
            2 => PortReason::Modify,
            other => return Err(DecodeError::BadValue { what: "port status reason", value: other.into() }),
        };
        reader.skip(7)?;
        Ok(Self { reason, port: Port::read(&mut reader)? })
    }
}
