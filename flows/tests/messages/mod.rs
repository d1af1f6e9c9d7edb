//! Messages of every kind, generated in canonical form.

use buoy_flows::openflow::{
    AsyncConfig, BufferId, BundleAdd, BundleControl, BundleControlKind, BundleFlags, BundleId, ControllerRole, Cookie,
    Desc, ErrorMsg, Experimenter, Features, FlowChange, FlowDuration, FlowEvent, FlowMod, FlowModFlags,
    FlowMonitorControl, FlowMonitorFlags, FlowMonitorRequest, FlowRemoved, FlowRemovedReason, FlowStats,
    FlowStatsRequest, FlowUpdate, Hello, Instruction, Message, MeterBand, MeterCommand, MeterFeatures, MeterFlags,
    MeterMod, MultipartReply, MultipartReplyBody, MultipartRequest, MultipartRequestBody, Other, PacketIn, PacketIn2,
    PacketInReason, PacketOut, Port, PortConfig, PortReason, PortState, PortStatus, Role, RoleStatus, SwitchConfig,
    TableId, Xid,
};
use buoy_topology::{DatapathId, MacAddr, PortNo};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::BoxedStrategy;

use crate::generate::flows::flow_mod;
use crate::generate::{bytes, mac};

/// Any message, also one in a bundle.
pub(crate) fn message() -> impl Strategy<Value = Message> {
    // OVS has no bundles in bundles.
    let inner = plain().prop_filter("no bundle", |message| !matches!(message, Message::BundleControl(_)));
    let add = (any::<(u32, u16)>(), inner).prop_map(|((id, flags), message)| {
        let (id, flags) = (BundleId(id), BundleFlags(flags));
        Message::BundleAdd(BundleAdd { id, flags, message: Box::new(message) })
    });
    prop_oneof![15 => plain(), 1 => add]
}

fn plain() -> BoxedStrategy<Message> {
    prop_oneof![
        2 => handshake().boxed(),
        2 => packets().boxed(),
        2 => flow_mod().prop_map(Message::FlowMod).boxed(),
        3 => multipart().boxed(),
        2 => control().boxed(),
        1 => kept().boxed(),
    ]
    .boxed()
}

fn handshake() -> impl Strategy<Value = Message> {
    let hello = (any::<u8>(), proptest::option::of(vec(any::<u32>(), 1..4)));
    let features = any::<(u64, u32, u8, u8, u32, u32)>().prop_map(
        |(id, n_buffers, n_tables, auxiliary_id, capabilities, reserved)| {
            let datapath_id = DatapathId(id);
            Message::FeaturesReply(Features { datapath_id, n_buffers, n_tables, auxiliary_id, capabilities, reserved })
        },
    );
    let config = any::<(u16, u16)>().prop_map(|(flags, miss_send_len)| SwitchConfig { flags, miss_send_len });
    prop_oneof![
        hello.prop_map(|(version, bitmap)| Message::Hello(Hello { version, bitmap })),
        (any::<(u16, u16)>(), bytes(0..90)).prop_map(|((kind, code), data)| Message::Error(ErrorMsg {
            kind,
            code,
            data
        })),
        bytes(0..90).prop_map(Message::EchoRequest),
        bytes(0..90).prop_map(Message::EchoReply),
        features,
        config.clone().prop_map(Message::SetConfig),
        config.prop_map(Message::GetConfigReply),
        select(vec![
            Message::FeaturesRequest,
            Message::GetConfigRequest,
            Message::BarrierRequest,
            Message::BarrierReply
        ]),
    ]
}

fn packets() -> impl Strategy<Value = Message> {
    let packet_in = (any::<(u32, u16, u8, u8, u64)>(), flow_mod(), bytes(0..200)).prop_map(
        |((buffer_id, total_len, reason, table, cookie), flow, frame)| {
            Message::PacketIn(PacketIn {
                buffer_id: BufferId(buffer_id),
                total_len,
                reason: PacketInReason::from(reason),
                table: TableId(table),
                cookie: Cookie(cookie),
                matching: flow.matching,
                frame,
            })
        },
    );
    let packet_in2 = (any::<(u8, u64, u32, bool)>(), flow_mod(), bytes(0..200), bytes(1..40)).prop_map(
        |((reason, cookie, len, resumes), flow, frame, private)| {
            let packet = PacketIn2 {
                frame,
                full_len: Some(len).filter(|len| len % 2 == 0),
                table: Some(flow.table),
                cookie: Some(Cookie(cookie)).filter(|cookie| cookie.0 % 3 != 0),
                reason: Some(PacketInReason::from(reason)),
                metadata: flow.matching,
                continuation: Some(private.clone()).filter(|_| resumes),
                userdata: Some(private).filter(|private| private.len() % 2 == 0),
            };
            if resumes { Message::Resume(packet) } else { Message::PacketIn2(packet) }
        },
    );
    let packet_out =
        (any::<(u32, u32)>(), flow_mod(), bytes(0..200)).prop_map(|((buffer_id, in_port), flow, frame)| {
            let actions = flow.instructions.into_iter().find_map(|instruction| match instruction {
                Instruction::ApplyActions(actions) => Some(actions),
                _ => None,
            });
            let (buffer_id, in_port) = (BufferId(buffer_id), PortNo(in_port));
            Message::PacketOut(PacketOut { buffer_id, in_port, actions: actions.unwrap_or_default(), frame })
        });
    let removed = (stats(), any::<u8>()).prop_map(|(stats, reason)| {
        let FlowStats { cookie, priority, table, duration, idle_timeout, hard_timeout, .. } = stats;
        let FlowStats { packet_count, byte_count, matching, .. } = stats;
        let reason = FlowRemovedReason::from(reason);
        Message::FlowRemoved(FlowRemoved {
            cookie,
            priority,
            reason,
            table,
            duration,
            idle_timeout,
            hard_timeout,
            packet_count,
            byte_count,
            matching,
        })
    });
    let reason = select(vec![PortReason::Add, PortReason::Delete, PortReason::Modify]);
    let status = (reason, port()).prop_map(|(reason, port)| Message::PortStatus(PortStatus { reason, port }));
    prop_oneof![packet_in.boxed(), packet_in2.boxed(), packet_out.boxed(), removed.boxed(), status.boxed()]
}

fn stats() -> BoxedStrategy<FlowStats> {
    (flow_mod(), any::<(u32, u32, u64, u64)>())
        .prop_map(|(flow, (seconds, nanoseconds, packet_count, byte_count))| {
            let FlowMod { table, priority, idle_timeout, hard_timeout, cookie, matching, instructions, .. } = flow;
            let (duration, flags) = (FlowDuration { seconds, nanoseconds }, FlowModFlags(flow.flags.0));
            FlowStats {
                table,
                duration,
                priority,
                idle_timeout,
                hard_timeout,
                flags,
                cookie,
                packet_count,
                byte_count,
                matching,
                instructions,
            }
        })
        .boxed()
}

fn port() -> impl Strategy<Value = Port> {
    let name = prop_oneof!["[a-z0-9-]{0,15}", "\\PC{0,6}"].prop_filter("it fits", |name| name.len() < 16);
    (any::<[u32; 9]>(), mac(), name).prop_map(|([number, words @ ..], hw_addr, name): ([u32; 9], MacAddr, _)| {
        let [config, state, curr, advertised, supported, peer, curr_speed, max_speed] = words;
        let (number, config, state) = (PortNo(number), PortConfig(config), PortState(state));
        Port { number, hw_addr, name, config, state, curr, advertised, supported, peer, curr_speed, max_speed }
    })
}

/// Kinds of multipart messages that have no variant, with a vendor's own among them.
fn kept_multipart() -> impl Strategy<Value = (u16, bytes::Bytes)> {
    let kind = select(vec![2_u16, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 99, 0xffff]);
    (kind, bytes(0..60)).prop_map(|(kind, body)| {
        let vendor = [&[0, 0, 0x23, 0x20, 0, 0, 0, 3], &body[..]].concat();
        (kind, if kind == 0xffff { vendor.into() } else { body })
    })
}

fn multipart() -> impl Strategy<Value = Message> {
    prop_oneof![request().boxed(), reply().boxed()]
}

fn request() -> impl Strategy<Value = Message> {
    let matching = || flow_mod().prop_map(|flow| flow.matching);
    let flow = (any::<(u8, u32, u32, u64, u64)>(), matching()).prop_map(|(numbers, matching)| {
        let (table, out_port, out_group, cookie, mask) = numbers;
        let (table, out_port) = (TableId(table), PortNo(out_port));
        let (cookie, cookie_mask) = (Cookie(cookie), Cookie(mask));
        MultipartRequestBody::Flow(FlowStatsRequest { table, out_port, out_group, cookie, cookie_mask, matching })
    });
    let monitor = (any::<(u32, u16, u32, u8)>(), matching()).prop_map(|((id, flags, out_port, table), matching)| {
        let flags = FlowMonitorFlags(flags);
        FlowMonitorRequest { id, flags, out_port: PortNo(out_port), table: TableId(table), matching }
    });
    let body = prop_oneof![
        select(vec![MultipartRequestBody::Desc, MultipartRequestBody::PortDesc, MultipartRequestBody::MeterFeatures]),
        flow,
        vec(monitor, 0..3).prop_map(MultipartRequestBody::FlowMonitor),
        kept_multipart().prop_map(|(kind, body)| MultipartRequestBody::Other { kind, body }),
    ];
    (any::<u16>(), body).prop_map(|(flags, body)| Message::MultipartRequest(MultipartRequest { flags, body }))
}

fn reply() -> impl Strategy<Value = Message> {
    let texts = ["[ -~]{0,99}", "[ -~]{0,99}", "[ -~]{0,99}", "[ -~]{0,31}", "\\PC{0,60}"];
    let desc = texts.prop_map(|[manufacturer, hardware, software, serial, datapath]| {
        MultipartReplyBody::Desc(Desc { manufacturer, hardware, software, serial, datapath })
    });
    let features =
        any::<(u32, u32, u32, u8, u8)>().prop_map(|(max_meter, band_types, capabilities, max_bands, max_color)| {
            MultipartReplyBody::MeterFeatures(MeterFeatures {
                max_meter,
                band_types,
                capabilities,
                max_bands,
                max_color,
            })
        });
    let body = prop_oneof![
        desc,
        features,
        vec(stats(), 0..4).prop_map(MultipartReplyBody::Flow),
        vec(port(), 0..4).prop_map(MultipartReplyBody::PortDesc),
        vec(update(), 0..4).prop_map(MultipartReplyBody::FlowMonitor),
        kept_multipart().prop_map(|(kind, body)| MultipartReplyBody::Other { kind, body }),
    ];
    (any::<bool>(), body).prop_map(|(more, body)| Message::MultipartReply(MultipartReply { more, body }))
}

fn update() -> impl Strategy<Value = FlowUpdate> {
    let event = prop_oneof![
        Just(FlowEvent::Added),
        any::<u16>().prop_map(|reason| FlowEvent::Deleted { reason }),
        Just(FlowEvent::Modified),
    ];
    let change = (event, flow_mod()).prop_map(|(event, flow)| {
        let FlowMod { table, priority, idle_timeout, hard_timeout, cookie, matching, instructions, .. } = flow;
        FlowUpdate::Full(FlowChange {
            event,
            table,
            priority,
            idle_timeout,
            hard_timeout,
            cookie,
            matching,
            instructions,
        })
    });
    prop_oneof![4 => change, 1 => any::<u32>().prop_map(|xid| FlowUpdate::Abbreviated(Xid(xid)))]
}

fn control() -> impl Strategy<Value = Message> {
    let kinds = select(vec![
        BundleControlKind::OpenRequest,
        BundleControlKind::OpenReply,
        BundleControlKind::CloseRequest,
        BundleControlKind::CloseReply,
        BundleControlKind::CommitRequest,
        BundleControlKind::CommitReply,
        BundleControlKind::DiscardRequest,
        BundleControlKind::DiscardReply,
    ]);
    let bundle = (kinds, any::<(u32, u16)>(), bytes(0..20)).prop_map(|(kind, (id, flags), properties)| {
        Message::BundleControl(BundleControl { id: BundleId(id), kind, flags: BundleFlags(flags), properties })
    });
    let roles = || {
        select(vec![
            ControllerRole::NoChange,
            ControllerRole::Equal,
            ControllerRole::Primary,
            ControllerRole::Secondary,
        ])
    };
    let role = (roles(), any::<u64>()).prop_map(|(role, generation_id)| Role { role, generation_id });
    let status = (roles(), any::<(u8, u64)>(), bytes(0..20)).prop_map(|(role, (reason, generation_id), properties)| {
        Message::RoleStatus(RoleStatus { role, reason, generation_id, properties })
    });
    let unasked = any::<[[u32; 2]; 3]>().prop_map(|[packet_in, port_status, flow_removed]| AsyncConfig {
        packet_in,
        port_status,
        flow_removed,
    });
    let monitor = prop_oneof![
        any::<u32>().prop_map(FlowMonitorControl::Cancel),
        Just(FlowMonitorControl::Paused),
        Just(FlowMonitorControl::Resumed),
    ];
    prop_oneof![
        bundle,
        role.clone().prop_map(Message::RoleRequest),
        role.prop_map(Message::RoleReply),
        status,
        Just(Message::GetAsyncRequest),
        unasked.clone().prop_map(Message::GetAsyncReply),
        unasked.prop_map(Message::SetAsync),
        meter_mod().prop_map(Message::MeterMod),
        monitor.prop_map(Message::FlowMonitorControl),
    ]
}

fn meter_mod() -> impl Strategy<Value = MeterMod> {
    let command = select(vec![MeterCommand::Add, MeterCommand::Modify, MeterCommand::Delete]);
    let band = prop_oneof![
        3 => any::<(u32, u32)>().prop_map(|(rate, burst)| MeterBand::Drop { rate, burst }),
        1 => bytes(12).prop_map(|body| MeterBand::Other(2, body)),
    ];
    (command, any::<(u16, u32)>(), vec(band, 0..4)).prop_map(|(command, (flags, id), bands)| MeterMod {
        command,
        flags: MeterFlags(flags),
        id,
        bands,
    })
}

/// What has no variant: types and versions that nobody knows, and vendors' own messages.
fn kept() -> impl Strategy<Value = Message> {
    let unknown = (select(vec![4_u8, 1, 2, 5, 6, 9]), select(vec![15_u8, 16, 17, 22, 23, 30, 200]), bytes(0..90));
    prop_oneof![
        unknown.prop_map(|(version, kind, body)| Message::Other(Other { version, kind, body })),
        (any::<u32>(), 0_u32..40, bytes(0..90)).prop_map(|(vendor, kind, body)| {
            Message::Experimenter(Experimenter { experimenter: vendor | 1, kind, body })
        }),
        (0_u32..40, bytes(0..90))
            .prop_map(|(kind, body)| { Message::Experimenter(Experimenter { experimenter: 0x2320, kind, body }) }),
    ]
}
