//! Random packets for a site: most of them make sense there, and each is wrong in some way now and then.

use std::net::Ipv4Addr;

use buoy_topology::{Bridge, MacAddr, PortName, PortNo};

use super::site::{EXTERNAL_PORTS, INTEGRATION_PORTS, Sample, mac, pool_address};

/// A frame, and where it comes in.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) bridge: PortName,
    pub(crate) port: PortNo,
    pub(crate) frame: Vec<u8>,
}

/// How many random bytes a packet is made of.
pub(crate) const SEED: usize = 30;

/// The random bytes, used one after the other.
struct Dice<'a>(std::slice::Iter<'a, u8>);

impl Dice<'_> {
    fn roll(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    /// True once in so many.
    fn once_in(&mut self, count: u8) -> bool {
        self.roll().is_multiple_of(count)
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::from(self.roll()) % list.len()]
    }
}

/// The packet that these bytes stand for.
pub(crate) fn packet(sample: &Sample, seed: &[u8; SEED]) -> Packet {
    let mut dice = Dice(seed.iter());
    let is_guest = dice.once_in(2);
    let interfaces: Vec<_> = sample.site.instances().flat_map(|own| own.interfaces.iter()).collect();
    let directs: Vec<_> = sample.site.directs().collect();
    if is_guest && !interfaces.is_empty() {
        let own = dice.pick(&interfaces);
        let gateway = sample.site.network(&own.network).expect("it is in one").gateway_mac;
        let number = sample.integration.port(&own.port).map_or(PortNo(99), |port| port.number);
        let vlan = own.vlan.map(|vlan| vlan.number());
        return told(&mut dice, sample, &sample.integration, (number, vlan), (own.mac, own.ip), gateway);
    }
    let vlans: Vec<_> = sample.site.providers().map(|own| own.vlan.map(|vlan| vlan.number())).collect();
    let vlan = dice.pick(&vlans);
    let local = sample.external.local().expect("it has one").mac;
    let uplink = sample.external.ports.values().next().map_or(local, |port| port.mac);
    match dice.roll() % 8 {
        0 if !directs.is_empty() => {
            let own = dice.pick(&directs);
            let number = sample.external.port(&own.port).map_or(PortNo(99), |port| port.number);
            told(&mut dice, sample, &sample.external, (number, None), (own.mac, own.ips[0]), mac(0xa0))
        }
        0 | 1 => {
            let from = Ipv4Addr::new(203, 0, 113, dice.pick(&[2, 130, 3]));
            told(&mut dice, sample, &sample.external, (PortNo::LOCAL, vlan), (local, from), mac(0xa0))
        }
        2 => {
            let (ports, bridge) =
                dice.pick(&[(&EXTERNAL_PORTS[..], &sample.external), (&INTEGRATION_PORTS[..], &sample.integration)]);
            let (_, number) = dice.pick(ports);
            let from = (mac(dice.roll()), address(&mut dice));
            told(&mut dice, sample, bridge, (PortNo(number), vlan), from, uplink)
        }
        3 => {
            // From where fixed addresses may be routed.
            let from = (mac(dice.pick(&[0xa0, 0xa1])), Ipv4Addr::new(198, 51, 100, dice.roll()));
            let number = PortNo(dice.pick(&[1, 1, 2]));
            told(&mut dice, sample, &sample.external, (number, vlan), from, uplink)
        }
        _ => {
            let number = PortNo(dice.pick(&[1, 1, 1, 2]));
            let from = dice.pick(&[(0xa0, 1), (0xb0, 50), (0xa1, 129), (0xcc, 60)]);
            let from = (mac(from.0), Ipv4Addr::new(203, 0, 113, from.1));
            told(&mut dice, sample, &sample.external, (number, vlan), from, uplink)
        }
    }
}

/// A packet of a station, with errors.
fn told(
    dice: &mut Dice<'_>,
    sample: &Sample,
    bridge: &Bridge,
    (port, vlan): (PortNo, Option<u16>),
    (mut src, mut ip): (MacAddr, Ipv4Addr),
    mut dst: MacAddr,
) -> Packet {
    if dice.once_in(16) {
        src = mac(dice.roll());
    }
    if dice.once_in(16) {
        ip = address(dice);
    }
    if dice.once_in(6) {
        dst = dice.pick(&[MacAddr::BROADCAST, mac(0x10), mac(0x11), mac(0x12), MacAddr::new([1, 0, 0x5e, 0, 0, 1])]);
    }
    let target = target(dice, sample);
    let mut frame = [dst.octets(), src.octets()].concat();
    let vlan = if dice.once_in(16) { dice.pick(&[None, Some(0), Some(4_000), Some(4_001), Some(100)]) } else { vlan };
    if let Some(vlan) = vlan {
        frame.extend([0x81, 0]);
        frame.extend((vlan | dice.pick(&[0, 0, 0, 5_u16]) << 13).to_be_bytes());
        if dice.once_in(32) {
            frame.extend([0x81, 0, 0, 7]);
        }
    }
    match dice.roll() % 8 {
        0 => {
            frame.extend(dice.pick(&[[0x86, 0xdd], [0x88, 0xcc], [0x12, 0x34], [0, 40]]));
            frame.extend([0xa5; 40]);
        }
        1 | 2 => arp(dice, &mut frame, (src, ip), target),
        _ => ipv4(dice, &mut frame, ip, target),
    }
    if dice.once_in(40) {
        frame.truncate(14.max(frame.len() - usize::from(dice.roll()) % 40));
    }
    // OVS is handed frames of Ethernet's least length at least.
    frame.resize(frame.len().max(60), 0);
    Packet { bridge: bridge.name.clone(), port, frame }
}

/// Mostly somewhere that the site knows.
fn target(dice: &mut Dice<'_>, sample: &Sample) -> Ipv4Addr {
    let bound: Vec<_> = sample.site.floating_ips().filter(|own| own.association.is_some()).collect();
    let fixed: Vec<_> = sample.site.instances().flat_map(|own| own.interfaces.iter().map(|own| own.ip)).collect();
    match dice.roll() % 4 {
        0 | 1 if !bound.is_empty() => dice.pick(&bound).address,
        2 if !fixed.is_empty() => dice.pick(&fixed),
        _ => address(dice),
    }
}

/// Any address of the neighbourhood.
fn address(dice: &mut Dice<'_>) -> Ipv4Addr {
    let last = dice.roll();
    match dice.roll() % 10 {
        0 => pool_address(last / 16 % 2, last % 16),
        // One that is shared, and what a sharer is for the connection tracker.
        5 => pool_address(last % 2, 15),
        6 => [240, 0, 0, last % 16].into(),
        1 => [203, 0, 113, last].into(),
        2 => [203, 0, 113, dice.pick(&[1, 2, 3, 50, 129, 130, 178])].into(),
        3 => [10, 0, 0, if last.is_multiple_of(3) { 1 } else { last % 20 }].into(),
        4 => [0, 0, 0, 0].into(),
        _ => [198, 51, 100, last].into(),
    }
}

fn arp(dice: &mut Dice<'_>, frame: &mut Vec<u8>, (sha, spa): (MacAddr, Ipv4Addr), tpa: Ipv4Addr) {
    let sha = if dice.once_in(16) { mac(dice.roll()) } else { sha };
    let spa = if dice.once_in(8) { Ipv4Addr::UNSPECIFIED } else { spa };
    let tpa = if dice.once_in(8) { spa } else { tpa };
    let operation: u16 = dice.pick(&[1, 1, 1, 1, 2, 2, 2, 0, 3, 256, 257]);
    frame.extend([8, 6, 0, 1, 8, 0, 6, dice.pick(&[4, 4, 4, 4, 4, 4, 4, 16])]);
    frame.extend(operation.to_be_bytes());
    frame.extend(sha.octets());
    frame.extend(spa.octets());
    frame.extend(mac(dice.pick(&[0, 0x10, 0x11])).octets());
    frame.extend(tpa.octets());
}

fn ipv4(dice: &mut Dice<'_>, frame: &mut Vec<u8>, src: Ipv4Addr, dst: Ipv4Addr) {
    let proto = dice.pick(&[1, 1, 1, 6, 6, 17, 17, 2, 47, 50, 132, 0]);
    let ttl = if dice.once_in(8) { dice.pick(&[0, 1, 2]) } else { 64 };
    let fragment: u16 = if dice.once_in(10) { dice.pick(&[0x2000, 0x2010, 0x0010]) } else { 0x4000 };
    // The longer ones are more than a narrow provider takes.
    let body: u8 = dice.pick(&[40, 40, 48, 49, 80]);
    let length: u16 = if dice.once_in(20) { dice.pick(&[10, 400]) } else { 20 + u16::from(body) };
    frame.extend([8, 0, dice.pick(&[0x45, 0x45, 0x45, 0x45, 0x47, 0x43]), dice.pick(&[0, 0x10, 0x03])]);
    frame.extend(length.to_be_bytes());
    frame.extend([0, 7]);
    frame.extend(fragment.to_be_bytes());
    frame.extend([ttl, proto, 0, 0]);
    frame.extend(src.octets());
    frame.extend(dst.octets());
    let start = frame.len();
    frame.extend((0..body).map(|byte| byte.wrapping_mul(7).wrapping_add(proto)));
    if proto == 6 {
        // The first of a connection, its answer, a later one, the last one, nonsense.
        frame[start + 13] = dice.pick(&[0x02, 0x12, 0x10, 0x11, 0x04, 0x00]);
    }
    if proto == 1 {
        // Questions, answers, and errors that quote a packet.
        frame[start] = dice.pick(&[8, 8, 0, 3, 11, 12]);
        frame[start + 1] = dice.pick(&[0, 0, 4]);
    }
}
