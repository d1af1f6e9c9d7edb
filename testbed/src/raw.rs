//! An interface below its IP stack: whole frames in and out, VLAN tags included.

use std::io::IoSliceMut;
use std::os::fd::{AsRawFd as _, OwnedFd};

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvmsg, send, setsockopt,
    socket, sockopt,
};
use nix::{setsockopt_impl, sockopt_impl};
use std::os::fd::AsFd as _;

/// A socket on one interface of this namespace.
#[derive(Debug)]
pub struct RawPort {
    socket: OwnedFd,
}

/// A frame that came in.
#[derive(Debug)]
pub struct Received {
    /// All of it, with its VLAN tags in place.
    pub frame: Vec<u8>,
    /// How many frames the socket has lost since it was opened, where it has lost any.
    pub lost: Option<u32>,
}

impl RawPort {
    /// Opens an interface. Fails where there is none of this name, or without the right to.
    pub fn open(interface: &str) -> Result<Self> {
        Self::open_with(interface, SockProtocol::EthAll)
    }

    /// Opens an interface and takes in nothing, which spares the kernel a copy of every frame.
    pub fn open_for_sending(interface: &str) -> Result<Self> {
        Self::open_with(interface, None)
    }

    fn open_with(interface: &str, protocol: impl Into<Option<SockProtocol>>) -> Result<Self> {
        let mut interfaces = getifaddrs().context("list interfaces")?;
        let address = interfaces
            .find_map(|own| own.address.filter(|_| own.interface_name == interface)?.as_link_addr().copied())
            .with_context(|| format!("no interface {interface}"))?;
        let kind = SockType::Raw;
        let socket = socket(AddressFamily::Packet, kind, SockFlag::SOCK_CLOEXEC, protocol)
            .with_context(|| format!("open {interface}"))?;
        // The kernel takes an outer VLAN tag off the frame and tells it beside it.
        setsockopt(&socket, PacketAuxdata, &true)?;
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)?;
        bind(socket.as_raw_fd(), &address).with_context(|| format!("bind to {interface}"))?;
        Ok(Self { socket })
    }

    /// Waits for a frame that came in from the wire; absent where none came in time.
    pub fn receive(&self, patience: PollTimeout) -> Result<Option<Received>> {
        let mut ready = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, patience) {
            Ok(0) | Err(Errno::EINTR) => return Ok(None),
            other => other?,
        };
        let mut buffer = vec![0; LONGEST_FRAME];
        let mut control = [0_u8; 128];
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let message =
            match recvmsg::<()>(self.socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT) {
                Ok(message) => message,
                // The interface went down, or was pulled.
                Err(Errno::EAGAIN | Errno::EINTR | Errno::ENETDOWN) => return Ok(None),
                Err(error) => return Err(error).context("receive"),
            };
        let (length, mut lost, mut tag) = (message.bytes, None, None);
        for own in message.cmsgs()? {
            match own {
                ControlMessageOwned::RxqOvfl(frames) => lost = Some(frames).filter(|frames| *frames > 0),
                ControlMessageOwned::Unknown(other) if other.cmsg_header.cmsg_level == libc::SOL_PACKET => {
                    tag = vlan_tag(&other.data_bytes);
                }
                _ => {}
            }
        }
        buffer.truncate(length);
        if let (Some(tag), true) = (tag, buffer.len() >= MAC_ADDRESSES) {
            buffer.splice(MAC_ADDRESSES..MAC_ADDRESSES, tag);
        }
        Ok(Some(Received { frame: buffer, lost }))
    }

    /// Sends a frame as it is. Fails where it is longer than the interface allows, or shorter than an Ethernet header.
    pub fn send(&self, frame: &[u8]) -> Result<(), Errno> {
        send(self.socket.as_raw_fd(), frame, MsgFlags::empty()).map(drop)
    }
}

sockopt_impl!(
    /// Tells of each packet what the kernel took off it.
    PacketAuxdata,
    SetOnly,
    libc::SOL_PACKET,
    libc::PACKET_AUXDATA,
    bool
);

/// The four bytes of the tag that the kernel took off, from `struct tpacket_auxdata`.
fn vlan_tag(auxdata: &[u8]) -> Option<[u8; 4]> {
    let status = u32::from_ne_bytes(*auxdata.first_chunk()?);
    let [tci_low, tci_high, tpid_low, tpid_high] = *auxdata.get(VLAN_TCI..)?.first_chunk()?;
    let tci = u16::from_ne_bytes([tci_low, tci_high]).to_be_bytes();
    let tpid = match u16::from_ne_bytes([tpid_low, tpid_high]) {
        tpid if status & TP_STATUS_VLAN_TPID_VALID != 0 => tpid,
        _ => 0x8100,
    };
    let [high, low] = tpid.to_be_bytes();
    (status & TP_STATUS_VLAN_VALID != 0).then(|| [high, low, tci[0], tci[1]])
}

/// Where `tp_vlan_tci` stands, after four numbers of 4, 4, 4 and two of 2 bytes.
const VLAN_TCI: usize = 16;
const TP_STATUS_VLAN_VALID: u32 = 1 << 4;
const TP_STATUS_VLAN_TPID_VALID: u32 = 1 << 6;

const MAC_ADDRESSES: usize = 12;
/// No veth carries more, tags included.
const LONGEST_FRAME: usize = 65_600;
/// Enough for what arrives while this process waits for its turn.
const RECEIVE_BUFFER: usize = 32 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_the_kernel_took_off_is_put_back() {
        let auxdata = |status: u32, tci: u16, tpid: u16| {
            let mut bytes = [0; 20];
            bytes[..4].copy_from_slice(&status.to_ne_bytes());
            bytes[16..18].copy_from_slice(&tci.to_ne_bytes());
            bytes[18..].copy_from_slice(&tpid.to_ne_bytes());
            bytes
        };
        assert_eq!(vlan_tag(&auxdata(0x01, 0, 0)), None);
        assert_eq!(vlan_tag(&auxdata(0x51, 100, 0x88a8)), Some([0x88, 0xa8, 0, 100]));
        assert_eq!(vlan_tag(&auxdata(0x11, 0x2064, 0)), Some([0x81, 0x00, 0x20, 0x64]));
        assert_eq!(vlan_tag(&[0x51, 0, 0]), None);
    }
}
