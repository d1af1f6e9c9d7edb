//! Ports: 16-bit numbers, and 48 bytes that describe one.

use buoy_topology::{MacAddr, PortNo};

use crate::openflow::wire::Reader;
use crate::openflow::{DecodeError, EncodeError, Port, PortConfig, PortReason, PortState, PortStatus};

const NAME_LEN: usize = 16;

/// From here on numbers are reserved, in 16 bits as in 32.
const RESERVED: u16 = 0xff00;

/// What 1.0 and 1.3 mean by the same bits: shut, no receiving, no forwarding, no packet-ins.
const COMMON_CONFIG: u32 = 1 | 1 << 2 | 1 << 5 | 1 << 6;

/// The 32-bit number of a port.
pub(super) fn widen(number: u16) -> PortNo {
    PortNo(if number >= RESERVED { 0xffff_0000 | u32::from(number) } else { number.into() })
}

/// The 16-bit number of a port; there is none for numbers between 0xff00 and the reserved ones.
pub(super) fn narrow(port: PortNo) -> Result<u16, EncodeError> {
    let [high_a, high_b, low_a, low_b] = port.0.to_be_bytes();
    let number = u16::from_be_bytes([low_a, low_b]);
    match [high_a, high_b] {
        [0, 0] if number < RESERVED => Ok(number),
        [0xff, 0xff] if number >= RESERVED => Ok(number),
        _ => Err(EncodeError::Unencodable { what: "port number above 0xff00" }),
    }
}

/// Reads a port. Speeds and media have other bits in 1.0 and are left out.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Port, DecodeError> {
    let number = widen(reader.u16()?);
    let hw_addr = MacAddr::new(reader.array()?);
    let name = reader.bytes(NAME_LEN)?.split(|&byte| byte == 0).next().unwrap_or_default();
    let name = String::from_utf8_lossy(name).into_owned();
    let config = PortConfig(reader.u32()? & COMMON_CONFIG);
    let state = PortState(reader.u32()? & PortState::LINK_DOWN.0);
    // curr, advertised, supported, peer
    reader.skip(16)?;
    Ok(Port {
        number,
        hw_addr,
        name,
        config,
        state,
        curr: 0,
        advertised: 0,
        supported: 0,
        peer: 0,
        curr_speed: 0,
        max_speed: 0,
    })
}

/// Reads word that a port came, went or changed.
pub(super) fn read_status(body: &[u8]) -> Result<PortStatus, DecodeError> {
    let mut reader = Reader::new("port status", body);
    let reason = match reader.u8()? {
        0 => PortReason::Add,
        1 => PortReason::Delete,
        2 => PortReason::Modify,
        other => return Err(DecodeError::BadValue { what: "port status reason", value: other.into() }),
    };
    reader.skip(7)?;
    Ok(PortStatus { reason, port: read(&mut reader)? })
}
