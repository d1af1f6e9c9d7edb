//! Packets that switches hand to the daemon, each answered by a packet: how many of them one core does in a second.
//!
//! A switch may bring 4,000 a second, so that many simulated ones do. Processor time is counted and not the time that goes
//! by: the switches need the same cores.

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use buoy_flows::openflow::{
    BufferId, Cookie, FlowStatsRequest, Match, MatchField, Message, PacketIn, PacketInReason, TableId, Xid,
};
use buoy_flows::pipeline::registers::{ORIGIN, Origin, PROVIDER};
use buoy_flows::pipeline::tables::{external, integration};
use buoy_topology::{MacAddr, PortNo};
use bytes::{Bytes, BytesMut};
use etherparse::{ArpHardwareId, ArpOperation, ArpPacket, EtherType, PacketBuilder};

use super::Effort;
use super::icmp_errors::refusal;
use crate::bench::figures::Figures;
use crate::bench::report::{Bound, Row, Unit};
use crate::bench::stage::Stage;
use crate::bench::traffic::{ROUTER_MAC, SHORT, datagrams};
use crate::fleet::client::Client;
use crate::fleet::controller::Controller;
use crate::fleet::crew::Crew;
use crate::fleet::layout::{GATEWAY, Kind};
use crate::fleet::talk::Talk;
use crate::fleet::{Layout, peer::Peer};

pub(super) fn measure(stage: &Stage, effort: Effort) -> Vec<Row> {
    try_to_measure(stage, effort).unwrap_or_else(|error| panic!("packets of a fleet: {error:#}"))
}

fn try_to_measure(stage: &Stage, effort: Effort) -> Result<Vec<Row>> {
    let hosts = effort.of(4, HOSTS);
    let layout = Layout::new(2 * hosts, stage.size.div_ceil(hosts), 0)?;
    let controller = Controller::start(2 * hosts)?;
    let mut client = controller.client()?;
    stage.tell("declaring a fleet");
    client.ask_in_parts("site.apply", layout.parts(), |_| {})?;
    let mut crew = Crew::new(layout, controller.endpoint());
    crew.connect(true, false)?;
    await_applied(&crew, &mut client)?;

    let fleet = Fleet { layout, controller, crew };
    // The daemon finds the gateways, which changes flows.
    fleet.talk(Kind::External, 1, |host| fleet.for_the_gateway(host))?;
    await_applied(&fleet.crew, &mut client)?;
    let each = effort.of(50, MOST_AT_ONCE);
    let (mut errors, mut waiting, mut echoes) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.of(1, 5) {
        stage.tell(&format!("packets of {} switches, round {}", 2 * hosts, round + 1));
        errors.push(fleet.talk(Kind::Integration, each, |host| Ok(fleet.refusals(host)))?);
        waiting.push(fleet.talk(Kind::External, each / 2, |host| fleet.for_the_gateway(host))?);
        echoes.push(fleet.talk(Kind::Integration, each, |_| Ok(vec![echo()]))?);
        if effort == Effort::Full {
            thread::sleep(REST);
        }
    }
    let Fleet { controller, crew, .. } = fleet;
    drop(crew);
    controller.stop()?;
    let row = |what, ours| {
        Row::new(what, stage.size, Unit::PerSecond, Figures::of(ours)).aiming(Bound::AtLeast, 100_000.0).beside(
            "OpenFlow echoes answered by one core",
            Figures::of(echoes.clone()),
            None,
        )
    };
    Ok(vec![
        row("ICMP errors answered by one core", errors),
        // Two packets come in for each that goes out.
        row("ARP and packets for gateways, by one core", waiting.iter().map(|own| own * 2.0).collect()),
    ])
}

/// Simulated switches that have everything.
struct Fleet {
    layout: Layout,
    controller: Controller,
    crew: Crew,
}

impl Fleet {
    /// All switches of a kind say as many words, again and again, until each has had so many answers; returns how many
    /// the daemon gives in a second of processor time.
    fn talk(&self, kind: Kind, count: u32, words: impl Fn(u32) -> Result<Vec<Bytes>>) -> Result<f64> {
        let mut talks = Vec::new();
        for host in self.layout.hosts() {
            talks.push((self.peer(host, kind)?, Talk::new(words(host)?, usize::try_from(count)?)));
        }
        let peers: Vec<_> = talks.iter().map(|(peer, _)| *peer).collect();
        let before = self.controller.usage()?.busy;
        talks.into_iter().try_for_each(|(peer, talk)| peer.begin_talk(talk))?;
        let deadline = Instant::now() + LIMIT;
        while let Some(silent) = peers.iter().find(|peer| !peer.is_answered()) {
            let name = silent.bridge().name().to_owned();
            ensure!(Instant::now() < deadline, "{name} lacks answers after {} s", LIMIT.as_secs());
            thread::sleep(LOOK);
        }
        // What is less than a tick of the kernel's clock cannot be told from nothing.
        let busy = self.controller.usage()?.busy.saturating_sub(before).max(TICK);
        Ok(f64::from(count) * f64::from(u32::try_from(peers.len())?) / busy.as_secs_f64())
    }

    fn peer(&self, host: u32, kind: Kind) -> Result<&Peer> {
        let name = self.layout.bridge(host, kind).name;
        let found = self.crew.swift().iter().find(|peer| peer.bridge().name() == name);
        found.map(|peer| &**peer).with_context(|| format!("{name} is not in the fleet"))
    }

    /// Somebody outside refuses what each floating IP has sent, as br-int hands it over.
    fn refusals(&self, host: u32) -> Vec<Bytes> {
        let marks = || [MatchField::InPort(PortNo(1)), ORIGIN.is(Origin::Provider)].into_iter().collect();
        let numbers = 0..self.layout.addresses().min(DIFFERENT);
        let frames = numbers.map(|number| refusal(self.layout.floating_ip(host, number)));
        frames.map(|frame| packet_in(integration::DESTINATION_NAT, marks(), frame)).collect()
    }

    /// The gateway answers ARP, and a packet of a floating IP is to leave by it, as br-ex hands both over.
    fn for_the_gateway(&self, host: u32) -> Result<Vec<Bytes>> {
        let provider = self.provider(host)?;
        let from = |port| [MatchField::InPort(PortNo(port)), PROVIDER.is(provider)].into_iter().collect();
        let own = self.layout.bridge(host, Kind::External).mac;
        let mut leaving = datagrams(own, GATEWAY, SHORT, 1);
        let waiting = leaving.pop().context("a frame was asked for")?;
        let answer = packet_in(external::ARP, from(1), gateway_says(own)?);
        Ok(vec![[answer, packet_in(external::GATEWAY, from(2), waiting)].concat().into()])
    }

    /// The number of a host's provider, as its flows have it.
    fn provider(&self, host: u32) -> Result<u32> {
        let parts = self.peer(host, Kind::External)?.bridge().table().dump(&FlowStatsRequest::default())?;
        for flow in parts.into_iter().flatten().filter(|flow| flow.table == external::NEXT_HOP) {
            if let Some(number) = flow.matching.fields().iter().find_map(|field| PROVIDER.held_in(field)) {
                return Ok(number);
            }
        }
        bail!("no flow of host {host} is of a provider")
    }
}

fn await_applied(crew: &Crew, client: &mut Client) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let list = client.switches()?;
        let applied = list.iter().filter(|own| own.connected && own.applied).count();
        if applied == crew.swift().len() {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "only {applied} switches have everything after {} s", LIMIT.as_secs());
        thread::sleep(LOOK);
    }
}

fn gateway_says(to: MacAddr) -> Result<Vec<u8>> {
    let (from, reply) = (ROUTER_MAC.octets(), ArpOperation::REPLY);
    let [sender, target] = [GATEWAY, Ipv4Addr::UNSPECIFIED].map(|address| address.octets());
    let body = ArpPacket::new(ArpHardwareId::ETHERNET, EtherType::IPV4, reply, &from, &sender, &to.octets(), &target)?;
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(from, to.octets()).arp(body).write(&mut frame)?;
    Ok(frame)
}

fn packet_in(table: TableId, matching: Match, frame: Vec<u8>) -> Bytes {
    encoded(&Message::PacketIn(PacketIn {
        buffer_id: BufferId::NONE,
        total_len: u16::try_from(frame.len()).expect("frames are short"),
        reason: PacketInReason::Action,
        table,
        cookie: Cookie::default(),
        matching,
        frame: frame.into(),
    }))
}

fn echo() -> Bytes {
    encoded(&Message::EchoRequest(Bytes::from_static(b"buoy")))
}

fn encoded(message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    message.encode(Xid(1), &mut out).expect("it can be written");
    out.freeze()
}

/// So many hosts bring more than 100,000 a second.
const HOSTS: u32 = 64;
/// Of each switch: within what it may bring at once.
const MOST_AT_ONCE: u32 = 1_800;
/// After so long it may bring as many again.
const REST: Duration = Duration::from_secs(1);
/// Floating IPs of a host that are complained to.
const DIFFERENT: u32 = 100;
const TICK: Duration = Duration::from_millis(10);
const LOOK: Duration = Duration::from_millis(5);
/// Longer than a large fleet takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(600);
