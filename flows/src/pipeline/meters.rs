//! The meters, side by side: how many packets a second each kind of question may bring to the controller. Beyond that
//! the switch drops the copy for the controller; the packet itself goes its way. One meter bounds packets that leave.

use buoy_topology::Bridge;

use crate::flow::Flow;
use crate::openflow::{Action, Instruction, MeterBand, MeterCommand, MeterFlags, MeterMod};

/// A bound on packets for the controller. The number is the meter's id in switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Meter {
    /// What the gateway says of itself: apart, so that no neighbour's noise keeps the gateway from being found.
    Gateway = 620,
    /// What neighbours and the host say of themselves.
    Neighbour = 621,
    /// Claims of a pool's addresses.
    Claim = 622,
    /// Packets whose next hop is not known.
    Unresolved = 623,
    /// Frames that the guard does not let out.
    Alarm = 624,
    /// ICMP errors, for the packet that they quote.
    Quote = 625,
    /// Packets whose time to live is over.
    Expired = 626,
    /// Questions of direct ports about on-link stations that are not known: the packets themselves, not copies.
    StationArp = 627,
    /// Packets that are longer than their provider takes.
    TooLong = 628,
    /// Answers to the questions of a fence.
    Fence = 629,
}

impl Meter {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Gateway,
        Self::Neighbour,
        Self::Claim,
        Self::Unresolved,
        Self::Alarm,
        Self::Quote,
        Self::Expired,
        Self::StationArp,
        Self::TooLong,
        Self::Fence,
    ];

    /// Packets a second, and as many at once.
    pub const fn rate(self) -> u32 {
        match self {
            Self::Gateway => 20,
            Self::Neighbour => 200,
            Self::Claim | Self::Alarm => 20,
            Self::Unresolved => 100,
            Self::Quote => 1_000,
            Self::Expired | Self::TooLong => 200,
            // Who is asked once in a millisecond answers less than that.
            Self::Fence => 2_000,
            // The slowest that there is.
            Self::StationArp => 1,
        }
    }

    /// What gives a switch this meter.
    pub fn to_meter_mod(self, command: MeterCommand) -> MeterMod {
        let flags = MeterFlags(MeterFlags::PKTPS.0 | MeterFlags::BURST.0 | MeterFlags::STATS.0);
        let band = MeterBand::Drop { rate: self.rate(), burst: self.rate() };
        MeterMod { command, flags, id: self.id(), bands: vec![band] }
    }

    /// A copy of the whole packet for the controller, bounded where the bridge can do that.
    pub(super) fn to_controller(self, bridge: &Bridge) -> Action {
        self.to_controller_where(bridge.meters)
    }

    /// The same, where it is known whether there are meters.
    pub(super) fn to_controller_where(self, meters: bool) -> Action {
        if meters { Action::metered_controller(self.id()) } else { Action::controller() }
    }

    /// A flow that passes no more than that. Only for bridges that have meters.
    pub(super) fn limit(self, mut flow: Flow) -> Flow {
        flow.instructions.push(Instruction::Meter(self.id()));
        flow
    }

    const fn id(self) -> u32 {
        self as u32
    }
}
