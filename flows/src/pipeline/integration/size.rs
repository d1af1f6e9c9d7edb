//! What is longer than a provider takes. No flow sees the bit that forbids fragments: the controller gets a copy, and tells
//! the sender where that bit is set.

use buoy_topology::{Bridge, PortNo, Provider};

use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::Action;
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::output;
use crate::pipeline::meters::Meter;
use crate::pipeline::registers::{EXIT, LONGER};
use crate::pipeline::tables::integration::{EGRESS, SIZE};

pub(super) fn base(bridge: &Bridge, flows: &mut Vec<Flow>) {
    let longer = Flow::new(SIZE, TOO_LONG, Owner::dropping(DropReason::TooLong)).on(LONGER.is(1_u32));
    flows.push(longer.apply([Meter::TooLong.to_controller(bridge)]));
}

/// Out by a provider's patch port; past the measure where the provider has one.
pub(super) fn provider(provider: &Provider, patch: PortNo, bridge: &Bridge, flows: &mut Vec<Flow>) {
    let owner = Owner { feature: Feature::Nat, entity: provider.id.0 };
    let away = Flow::new(EGRESS, OUT, owner).on(EXIT.is(provider.id.0));
    let out = [output(patch)];
    match longest(provider).filter(|_| bridge.measures) {
        Some(len) => {
            flows.push(away.apply([Action::CheckPktLarger { len, dst: LONGER.first_bit() }]).goto(SIZE));
            let fits = Flow::new(SIZE, FITS, owner).on(LONGER.is(0_u32)).on(EXIT.is(provider.id.0));
            flows.push(fits.apply(out));
        }
        None => flows.push(away.apply(out)),
    }
}

/// The bytes of the longest frame, without a tag: instances' are off by now, and a provider's comes later. A packet of the
/// last few sizes that IPv4 has makes a frame that no measure reaches.
fn longest(provider: &Provider) -> Option<u16> {
    provider.mtu?.bytes().checked_add(ETHERNET)
}

/// Destination, source, EtherType.
const ETHERNET: u16 = 14;

// EGRESS
const OUT: u16 = 100;
// SIZE
const TOO_LONG: u16 = 110;
const FITS: u16 = 100;
