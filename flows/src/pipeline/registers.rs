//! The registers, side by side: what one stage tells the next. A patch port clears them all.

use crate::openflow::{Action, FieldId, Masked, MatchField, Subfield};

/// br-ex: the provider that the packet belongs to, by its entity number.
pub const PROVIDER: Register = Register(0);
/// Both: where the packet came from, as an [`Origin`].
pub const ORIGIN: Register = Register(1);
/// br-int: the network that the packet is in, by its entity number.
pub const NETWORK: Register = Register(2);
/// br-int: the interface that sent the packet, by its entity number.
pub const INTERFACE: Register = Register(3);
/// br-int: the provider that the packet leaves by, by its entity number.
pub const EXIT: Register = Register(4);

/// br-int: [`TRANSLATED`] once the packet that an ICMP error quotes has been.
pub const QUOTE: Register = Register(6);
/// What [`QUOTE`] holds then.
pub const TRANSLATED: u32 = 1;

/// br-int: 1 where the packet is longer than the provider takes that it leaves by.
pub const LONGER: Register = Register(8);

/// br-int: the network of an instance without a floating IP that sends to an address of a pool, by its entity number.
pub const SEEKER: Register = Register(7);
/// br-int: the destination that it asked for.
pub const ASKED: Register = Register(9);
/// br-int: where that leads to.
pub const LEADS: Register = Register(10);
/// br-int: whose connection the tracker found a packet to be an answer of, as an [`Answer`].
pub const ANSWER: Register = Register(11);

/// br-ex: the direct port that sent the packet, by its entity number.
pub const DIRECT: Register = Register(5);

/// A 32-bit register of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register(u8);

impl Register {
    /// Takes packets for which it holds this.
    pub fn is(self, value: impl Into<u32>) -> MatchField {
        MatchField::Reg { index: self.0, value: value.into().into() }
    }

    /// Takes packets for which it holds a number of so many bits.
    pub fn below(self, bits: u16) -> MatchField {
        MatchField::Reg { index: self.0, value: Masked::new(0, u32::MAX << bits) }
    }

    /// What it holds, as a packet-in tells it; none where the field is another one.
    pub fn held_in(self, field: &MatchField) -> Option<u32> {
        match field {
            MatchField::Reg { index, value } if *index == self.0 => Some(value.value),
            _ => None,
        }
    }

    /// Its lowest bit alone.
    pub fn first_bit(self) -> Subfield {
        FieldId::reg(self.0).part(0, 1)
    }

    /// All of it.
    pub fn whole(self) -> Subfield {
        FieldId::reg(self.0).part(0, 32)
    }

    /// Makes it hold this.
    pub fn set(self, value: impl Into<u32>) -> Action {
        Action::SetField(self.is(value))
    }
}

/// Who began a connection to a floating IP that is answered by way of the tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Answer {
    /// An instance of the same network.
    Inside = 1,
    /// Somebody in a subnet that fixed addresses are routed to.
    Outside = 2,
}

impl From<Answer> for u32 {
    fn from(answer: Answer) -> Self {
        Self::from(answer as u8)
    }
}

/// Where a packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Origin {
    /// br-ex: the provider. br-int: a provider's bridge.
    Provider = 1,
    /// br-ex: the host, by LOCAL.
    Host = 2,
    /// br-ex: br-int. br-int: an instance's port.
    Instance = 3,
    /// br-ex: a direct port.
    Direct = 4,
}

impl From<Origin> for u32 {
    fn from(origin: Origin) -> Self {
        Self::from(origin as u8)
    }
}
