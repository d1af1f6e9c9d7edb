//! What a flow costs on its way from a site to the wire and back, in time and in allocations, without any I/O.
//!
//! `cargo bench -p buoy-flows`; a name after `--` picks those that have it in theirs.

mod site;

use std::hint::black_box;

use buoy_flows::flow::{Flow, Step};
use buoy_flows::icmp::Quoting;
use buoy_flows::openflow::{
    Action, BufferId, BundleFlags, BundleId, Cookie, MatchField, Message, MultipartReply, MultipartReplyBody, PacketIn,
    PacketInReason, PacketOut, Xid,
};
use buoy_flows::pipeline::registers::{ORIGIN, Origin, QUOTE, TRANSLATED};
use buoy_flows::pipeline::tables::integration::DESTINATION_NAT;
use buoy_flows::pipeline::{Entity, Role, World, compile, compile_all};
use buoy_topology::{Bridge, Learnt, PortNo, Site};
use bytes::{Bytes, BytesMut};
use divan::{AllocProfiler, Bencher};
use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::{Icmpv4Type, PacketBuilder};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// The flows of one floating IP and its instance, on both bridges, beside so many others.
#[divan::bench(args = [1, 10_000])]
fn compile_one(bencher: Bencher<'_, '_>, size: u32) {
    let setting = Setting::new(size);
    let entities = setting.entities(size / 2);
    bencher.bench_local(|| entities.each_ref().map(|entity| setting.compile(black_box(entity))));
}

/// All flows of both bridges, as a bridge that connects needs them.
#[divan::bench(args = [100, 10_000], sample_count = 10)]
fn compile_everything(bencher: Bencher<'_, '_>, size: u32) {
    let setting = Setting::new(size);
    bencher.bench_local(|| setting.worlds().map(|world| compile_all(world).expect("no two claim one flow").len()));
}

/// From flows to what a table keeps of them.
#[divan::bench]
fn pack_one(bencher: Bencher<'_, '_>) {
    let flows = flows_of_one();
    bencher.bench_local(|| flows.iter().map(|flow| black_box(flow).pack()).collect::<Vec<_>>());
}

/// From what a table keeps to the messages of a bundle.
#[divan::bench]
fn encode_bundle_of_one(bencher: Bencher<'_, '_>) {
    let packed = flows_of_one().into_iter().map(|flow| flow.pack());
    let steps: Vec<_> = packed.map(|(key, body)| Step { key, body: Some(body) }).collect();
    let mut out = BytesMut::with_capacity(ROOM);
    bencher.bench_local(|| {
        out.clear();
        for step in &steps {
            let flags = BundleFlags::ATOMIC | BundleFlags::ORDERED;
            black_box(step).put_in_bundle(BundleId(1), flags, Xid(7), &mut out).expect("it can be written");
        }
        out.len()
    });
}

/// From a message of a dump to what a table compares.
#[divan::bench]
fn decode_dump_of_one(bencher: Bencher<'_, '_>) {
    let body = MultipartReplyBody::Flow(flows_of_one().into_iter().map(site::stats).collect());
    let message = encoded(&Message::MultipartReply(MultipartReply { more: false, body }));
    bencher.bench_local(|| match Message::decode(black_box(&message)) {
        Ok((_, Message::MultipartReply(MultipartReply { body: MultipartReplyBody::Flow(flows), .. }))) => {
            flows.into_iter().filter_map(Flow::from_stats).map(|flow| flow.pack()).collect::<Vec<_>>()
        }
        other => panic!("no dump: {other:?}"),
    });
}

/// A packet-in with an ICMP error is read, what it quotes is translated, and the packet-out is written.
#[divan::bench]
fn answer_icmp_error(bencher: Bencher<'_, '_>) {
    let setting = Setting::new(10_000);
    let message = encoded(&Message::PacketIn(packet_in(refusal())));
    let mut out = BytesMut::with_capacity(ROOM);
    bencher.bench_local(|| {
        let Ok((_, Message::PacketIn(packet))) = Message::decode(black_box(&message)) else { panic!("no packet-in") };
        let mut frame = packet.frame.to_vec();
        let mut quoting = Quoting::of(&mut frame).expect("an ICMP error");
        let address = quoting.destination().expect("it is for somebody");
        quoting.quote_source(setting.site.binding(address).expect("it is a floating IP").interface.ip);
        let again = Action::Resubmit { port: None, table: DESTINATION_NAT };
        let packet = PacketOut {
            buffer_id: BufferId::NONE,
            in_port: PortNo::CONTROLLER,
            actions: vec![ORIGIN.set(Origin::Provider), QUOTE.set(TRANSLATED), again],
            frame: frame.into(),
        };
        out.clear();
        Message::PacketOut(packet).encode(Xid(7), &mut out).expect("it can be written");
        out.len()
    });
}

/// A question whether the other side is there, and its answer.
#[divan::bench]
fn answer_echo(bencher: Bencher<'_, '_>) {
    let message = encoded(&Message::EchoRequest(Bytes::from_static(b"buoy")));
    let mut out = BytesMut::with_capacity(ROOM);
    bencher.bench_local(|| {
        let Ok((xid, Message::EchoRequest(payload))) = Message::decode(black_box(&message)) else { panic!("no echo") };
        out.clear();
        Message::EchoReply(payload).encode(xid, &mut out).expect("it can be written");
        out.len()
    });
}

/// A site, and the bridges of its one host.
struct Setting {
    site: Site,
    learnt: Learnt,
    bridges: [Bridge; 2],
}

impl Setting {
    fn new(size: u32) -> Self {
        Self { site: site::site(size), learnt: Learnt::default(), bridges: site::bridges() }
    }

    fn worlds(&self) -> [World<'_>; 2] {
        let Self { site, learnt, bridges: [external, integration] } = self;
        [(external, Role::External), (integration, Role::Integration)].map(|(bridge, role)| World {
            site,
            learnt,
            bridge,
            role,
        })
    }

    fn entities(&self, number: u32) -> [Entity; 2] {
        let binding = self.site.binding(site::address(number)).expect("all are associated");
        [Entity::Instance(binding.instance.name.clone()), Entity::Association(site::address(number))]
    }

    fn compile(&self, entity: &Entity) -> [Vec<Flow>; 2] {
        self.worlds().map(|world| compile(world, entity))
    }
}

fn flows_of_one() -> Vec<Flow> {
    let setting = Setting::new(1);
    setting.entities(0).iter().flat_map(|entity| setting.compile(entity)).flatten().collect()
}

fn packet_in(frame: Vec<u8>) -> PacketIn {
    let matching = [MatchField::InPort(PortNo(1)), ORIGIN.is(Origin::Provider)];
    PacketIn {
        buffer_id: BufferId::NONE,
        total_len: u16::try_from(frame.len()).expect("a short frame"),
        reason: PacketInReason::Action,
        table: DESTINATION_NAT,
        cookie: Cookie(7),
        matching: matching.into_iter().collect(),
        frame: frame.into(),
    }
}

/// Whoever was sent something by a floating IP refuses it.
fn refusal() -> Vec<u8> {
    let (remote, floating) = ([198, 51, 100, 10], site::address(5_000).octets());
    let mut quoted = Vec::new();
    let packet = PacketBuilder::ipv4(floating, remote, 9).udp(7, 7);
    packet.write(&mut quoted, b"refused").expect("a vector takes all bytes");
    let error = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
        .ipv4(remote, floating, 60)
        .icmpv4(Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Port));
    let mut frame = Vec::new();
    error.write(&mut frame, &quoted).expect("a vector takes all bytes");
    frame
}

fn encoded(message: &Message) -> BytesMut {
    let mut out = BytesMut::new();
    message.encode(Xid(7), &mut out).expect("it can be written");
    out
}

const ROOM: usize = 64 * 1024;
