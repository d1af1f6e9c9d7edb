//! The ovs-ofctl commands whose messages are heard; SWITCH stands for the switch.

/// Flows that ovs-ofctl encodes: each field and each action that ovs-fields(7) and ovs-actions(7) tell of.
pub(crate) fn flows() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    FLOWS.iter().map(|flow| ("OFPT_FLOW_MOD", vec!["add-flow", "SWITCH", flow]))
}

/// Other commands that need no switch that does as it is told, with the message that each says.
pub(crate) fn others() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    OTHERS.iter().map(|(name, words)| (*name, words.split(' ').collect()))
}

/// Commands whose answers are heard too.
pub(crate) fn dialogues() -> impl Iterator<Item = &'static [&'static str]> {
    DIALOGUES.iter().copied()
}

/// Commands that the switch refuses.
pub(crate) fn refused() -> impl Iterator<Item = &'static [&'static str]> {
    REFUSED.iter().copied()
}

/// What is monitored: the message that says that it began, the command, what is done then, the message that comes of it.
pub(crate) fn monitors()
-> impl Iterator<Item = (&'static str, &'static [&'static str], &'static [&'static str], &'static str)> {
    MONITORS.iter().copied()
}

const FLOWS: &[&str] = &[
    "table=3,priority=7,cookie=0x5,idle_timeout=10,hard_timeout=20,send_flow_rem,check_overlap,reset_counts,actions=drop",
    "in_port=1,actions=output:2",
    "in_port=LOCAL,actions=IN_PORT,LOCAL,NORMAL,FLOOD,ALL,CONTROLLER:128",
    "dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:00/ff:ff:ff:00:00:00,dl_type=0x88cc,actions=drop",
    "dl_vlan=42,dl_vlan_pcp=3,actions=pop_vlan,output:1",
    "vlan_tci=0,actions=push_vlan:0x8100,set_field:4138->vlan_vid,output:1",
    "vlan_tci=0x1000/0x1000,actions=drop",
    "mpls,mpls_label=16,mpls_tc=2,mpls_bos=1,mpls_ttl=9,actions=pop_mpls:0x0800,output:1",
    "ip,actions=push_mpls:0x8847,set_field:17->mpls_label,dec_mpls_ttl,output:1",
    "ip,nw_src=192.0.2.0/24,nw_dst=198.51.100.1,nw_tos=32,nw_ecn=1,nw_ttl=64,ip_frag=no,actions=drop",
    "ip,nw_proto=2,ip_frag=not_later,actions=drop",
    "tcp,tp_src=80,tp_dst=0x1000/0xf000,tcp_flags=+syn-ack,actions=drop",
    "udp,tp_src=53,tp_dst=53,actions=drop",
    "sctp,tp_src=1,tp_dst=2,actions=drop",
    "icmp,icmp_type=8,icmp_code=0,actions=drop",
    "ipv6,ipv6_src=2001:db8::/32,ipv6_dst=2001:db8::1,ipv6_label=0x12345,actions=drop",
    "icmp6,icmp_type=135,icmp_code=0,nd_target=2001:db8::1,nd_sll=02:00:00:00:00:01,actions=drop",
    "icmp6,icmp_type=136,nd_target=2001:db8::1,nd_tll=02:00:00:00:00:01,nd_reserved=0x60000000,nd_options_type=2,actions=drop",
    "arp,arp_op=1,arp_spa=192.0.2.1,arp_tpa=192.0.2.0/24,arp_sha=02:00:00:00:00:01,arp_tha=02:00:00:00:00:02,actions=drop",
    "rarp,actions=drop",
    "tun_id=5/0xff,tun_src=192.0.2.1,tun_dst=192.0.2.0/24,tun_flags=oam,actions=drop",
    "tun_ipv6_src=2001:db8::1,tun_ipv6_dst=2001:db8::/32,tun_gbp_id=7,tun_gbp_flags=8,actions=drop",
    "tun_metadata0=0x1234,tun_metadata1=0x5/0xf,actions=drop",
    "tun_erspan_ver=2,tun_erspan_dir=1,tun_erspan_hwid=3,tun_gtpu_flags=1,tun_gtpu_msgtype=255,actions=drop",
    "dl_type=0x894f,nsh_flags=1,nsh_ttl=63,nsh_mdtype=1,nsh_np=3,nsh_spi=0x123,nsh_si=255,nsh_c1=1,nsh_c2=2,nsh_c3=3,nsh_c4=4,actions=drop",
    "packet_type=(1,0x800),actions=drop",
    "metadata=0x1234/0xffff,reg0=1,reg15=2/3,pkt_mark=9,actions=drop",
    "xreg1=7,xxreg1=9,actions=drop",
    "dp_hash=1/1,recirc_id=2,conj_id=3,actset_output=4,actions=drop",
    "ct_state=+trk+est-inv,ct_zone=5,ct_mark=6/7,ct_label=8/15,actions=drop",
    "ct_state=+trk,ip,ct_nw_src=192.0.2.1,ct_nw_dst=192.0.2.0/24,ct_nw_proto=6,ct_tp_src=1,ct_tp_dst=2,actions=drop",
    "ct_state=+trk,ipv6,ct_ipv6_src=2001:db8::1,ct_ipv6_dst=2001:db8::/32,actions=drop",
    "actions=set_field:02:00:00:00:00:01->eth_src,set_field:0x1->reg0,set_field:9->tun_id,set_field:5->metadata",
    "ip,actions=set_field:192.0.2.1->ip_dst,set_field:64->nw_ttl,set_field:8->ip_dscp,set_field:1->nw_ecn",
    "actions=set_field:1->xreg0,set_field:2->xxreg0,set_field:3/7->reg1",
    "actions=load:1->NXM_NX_REG0[],load:0x3->NXM_NX_REG1[0..1],load:5->OXM_OF_METADATA[]",
    "arp,actions=move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]",
    "actions=move:NXM_NX_REG0[0..15]->NXM_NX_REG1[16..31]",
    "ip,actions=dec_ttl,dec_ttl(1,2,3),output:1",
    "ip,actions=mod_nw_src:192.0.2.1,mod_nw_tos:4,mod_nw_ecn:2,mod_nw_ttl:3",
    "tcp,actions=mod_tp_src:1,mod_tp_dst:2",
    "actions=mod_dl_src:02:00:00:00:00:01,mod_dl_dst:02:00:00:00:00:02",
    "actions=set_tunnel:5,set_tunnel64:6,set_queue:7,pop_queue,group:8",
    "actions=resubmit:3,resubmit(4,5),resubmit(,6)",
    "actions=output:NXM_NX_REG0[],output(port=1,max_len=100)",
    "actions=controller,controller(reason=no_match,max_len=100,id=5)",
    "actions=controller(userdata=01.02.03,pause,meter_id=7)",
    "actions=controller(reason=invalid_ttl,max_len=100,id=5,pause)",
    "actions=note:01.02.03.04.05.06.07,exit",
    "actions=learn(table=1,idle_timeout=1,hard_timeout=2,priority=3,cookie=0x4,send_flow_rem,NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15],output:NXM_OF_IN_PORT[])",
    "ip,actions=learn(table=2,delete_learned,fin_idle_timeout=5,fin_hard_timeout=6,limit=7,result_dst=NXM_NX_REG0[3],eth_type=0x800,nw_proto=6,NXM_OF_IP_SRC[]=NXM_OF_IP_DST[],load:0x7->NXM_NX_REG1[0..7])",
    "tcp,actions=ct(commit,force,table=5,zone=6,alg=ftp,exec(set_field:1->ct_mark,set_field:2->ct_label))",
    "tcp,actions=ct(commit,zone=NXM_NX_REG0[0..15],nat(src=192.0.2.1-192.0.2.9:1000-2000,random))",
    "tcp6,actions=ct(commit,nat(dst=[2001:db8::1]-[2001:db8::9]:80,hash,persistent)),ct(nat),ct(commit,nat(src)),ct_clear",
    "actions=conjunction(5,1/2),conjunction(6,3/3)",
    "actions=clone(set_field:1->reg0,output:1,clone(output:2)),output:3",
    "actions=check_pkt_larger(1500)->NXM_NX_REG0[7],push:NXM_NX_REG0[],pop:NXM_NX_REG1[0..15]",
    "tcp,actions=fin_timeout(idle_timeout=5,hard_timeout=6),output:1",
    "actions=multipath(eth_src,50,modulo_n,4,0,NXM_NX_REG0[])",
    "actions=bundle(eth_src,0,hrw,ofport,members:1,2,3),bundle_load(eth_src,0,hrw,ofport,NXM_NX_REG0[],members:1,2)",
    "actions=sample(probability=100,collector_set_id=1,obs_domain_id=2,obs_point_id=3)",
    "actions=sample(probability=100,collector_set_id=1,obs_domain_id=2,obs_point_id=3,sampling_port=4,ingress)",
    "actions=encap(nsh),decap(),delete_field:tun_metadata0",
    "dl_type=0x894f,actions=dec_nsh_ttl",
    "actions=meter:1,set_field:1->reg0,write_metadata:0x5/0xff,goto_table:9",
    "actions=clear_actions,write_actions(output:1,set_field:02:00:00:00:00:01->eth_dst),goto_table:1",
];

const OTHERS: &[(&str, &str)] = &[
    ("OFPT_FLOW_MOD", "mod-flows SWITCH table=1,actions=drop"),
    ("OFPT_FLOW_MOD", "--strict mod-flows SWITCH cookie=1/-1,priority=5,actions=drop"),
    ("OFPT_FLOW_MOD", "del-flows SWITCH cookie=0x5/0xff,out_port=3,out_group=4"),
    ("OFPT_FLOW_MOD", "--strict del-flows SWITCH table=2,priority=9,in_port=1"),
    (
        "OFPT_GROUP_MOD",
        "add-group SWITCH group_id=1,type=select,selection_method=hash,fields(ip_src),bucket=weight:5,watch_port:1,actions=output:1",
    ),
    ("OFPT_GROUP_MOD", "del-groups SWITCH group_id=1"),
    ("OFPT_METER_MOD", "add-meter SWITCH meter=1,kbps,burst,stats,band=type=drop,rate=100,burst_size=10"),
    ("OFPT_METER_MOD", "mod-meter SWITCH meter=1,pktps,bands=type=dscp_remark,rate=5,prec_level=1"),
    ("OFPT_METER_MOD", "del-meter SWITCH meter=1"),
    ("OFPT_PACKET_OUT", "packet-out SWITCH in_port=LOCAL,packet=020000000002020000000001080600010800,actions=output:1"),
    ("NXT_TLV_TABLE_MOD", "add-tlv-map SWITCH {class=0x102,type=1,len=8}->tun_metadata0"),
    ("NXT_TLV_TABLE_MOD", "del-tlv-map SWITCH"),
    ("NXT_CT_FLUSH_ZONE", "ct-flush-zone SWITCH 5"),
];

const DIALOGUES: &[&[&str]] = &[
    &["show", "SWITCH"],
    &["dump-desc", "SWITCH"],
    &["dump-tables", "SWITCH"],
    &["dump-table-features", "SWITCH"],
    &["dump-ports", "SWITCH"],
    &["dump-ports", "SWITCH", "LOCAL"],
    &["dump-ports-desc", "SWITCH"],
    &["queue-stats", "SWITCH"],
    &["queue-get-config", "SWITCH", "1"],
    &["get-frags", "SWITCH"],
    &["set-frags", "SWITCH", "drop"],
    &["set-frags", "SWITCH", "normal"],
    &["mod-port", "SWITCH", "br-int", "no-receive"],
    &["mod-port", "SWITCH", "br-int", "receive"],
    &[
        "add-group",
        "SWITCH",
        "group_id=1,type=select,bucket=weight:5,watch_port:1,actions=output:1,bucket=actions=output:2",
    ],
    &["mod-group", "SWITCH", "group_id=1,type=indirect,bucket=actions=output:2"],
    &["dump-groups", "SWITCH"],
    &["dump-group-stats", "SWITCH"],
    &["dump-group-features", "SWITCH"],
    &["add-meter", "SWITCH", "meter=1,kbps,burst,stats,bands=type=drop,rate=100,burst_size=10"],
    &["dump-meters", "SWITCH"],
    &["meter-stats", "SWITCH"],
    &["meter-features", "SWITCH"],
    &[
        "--bundle",
        "add-flow",
        "SWITCH",
        "table=7,cookie=9,send_flow_rem,ip,nw_dst=192.0.2.1,actions=meter:1,dec_ttl,group:1",
    ],
    &["dump-flows", "SWITCH"],
    &["dump-aggregate", "SWITCH", "table=7"],
    &["add-tlv-map", "SWITCH", "{class=0x102,type=1,len=8}->tun_metadata0"],
    &["dump-tlv-map", "SWITCH"],
    &["dump-ipfix-bridge", "SWITCH"],
    &["dump-ipfix-flow", "SWITCH"],
    &["ping", "SWITCH", "8"],
    &["ct-flush-zone", "SWITCH", "5"],
];

const REFUSED: &[&[&str]] = &[
    &["add-flow", "SWITCH", "table=9,actions=goto_table:3"],
    &["add-flow", "SWITCH", "actions=group:99"],
    &["--bundle", "add-flow", "SWITCH", "actions=group:99"],
];

const MONITORS: &[(&str, &[&str], &[&str], &str)] = &[
    (
        "NXT_SET_PACKET_IN_FORMAT",
        &["-P", "standard", "monitor", "SWITCH", "65534"],
        &["packet-out", "br-int", "in_port=CONTROLLER,packet=020000000002020000000001080600010800,actions=controller"],
        "OFPT_PACKET_IN",
    ),
    (
        "NXT_SET_PACKET_IN_FORMAT",
        &["-P", "nxt_packet_in2", "monitor", "SWITCH", "65534", "resume"],
        &[
            "packet-out",
            "br-int",
            "in_port=CONTROLLER,packet=020000000002020000000001080600010800,actions=controller(pause,userdata=01.02)",
        ],
        "NXT_PACKET_IN2",
    ),
    ("OFPT_SET_CONFIG", &["monitor", "SWITCH", "65534"], &["del-flows", "br-int", "table=7"], "OFPT_FLOW_REMOVED"),
    (
        "NXT_SET_PACKET_IN_FORMAT",
        &["monitor", "SWITCH", "65534"],
        &["mod-port", "br-int", "br-int", "no-receive"],
        "OFPT_PORT_STATUS",
    ),
    (
        "ONFST_FLOW_MONITOR reply",
        &["monitor", "SWITCH", "65534", "watch:"],
        &["add-flow", "br-int", "table=8,ip,nw_dst=192.0.2.1,actions=drop"],
        "ONFST_FLOW_MONITOR reply",
    ),
];

/// The messages that have to be heard in dialogues.
pub(crate) const NAMES: &[&str] = &[
    "OFPT_ERROR",
    "OFPT_ECHO_REQUEST",
    "OFPT_ECHO_REPLY",
    "OFPT_FEATURES_REQUEST",
    "OFPT_FEATURES_REPLY",
    "OFPT_GET_CONFIG_REQUEST",
    "OFPT_GET_CONFIG_REPLY",
    "OFPT_SET_CONFIG",
    "OFPT_PACKET_IN",
    "OFPT_FLOW_REMOVED",
    "OFPT_PORT_STATUS",
    "OFPT_GROUP_MOD",
    "OFPT_PORT_MOD",
    "OFPT_METER_MOD",
    "OFPT_QUEUE_GET_CONFIG_REQUEST",
    "OFPT_QUEUE_GET_CONFIG_REPLY",
    "OFPST_DESC request",
    "OFPST_DESC reply",
    "OFPST_FLOW request",
    "OFPST_FLOW reply",
    "OFPST_AGGREGATE request",
    "OFPST_AGGREGATE reply",
    "OFPST_TABLE request",
    "OFPST_TABLE reply",
    "OFPST_PORT request",
    "OFPST_PORT reply",
    "OFPST_QUEUE request",
    "OFPST_QUEUE reply",
    "OFPST_GROUP request",
    "OFPST_GROUP reply",
    "OFPST_GROUP_DESC request",
    "OFPST_GROUP_DESC reply",
    "OFPST_GROUP_FEATURES request",
    "OFPST_GROUP_FEATURES reply",
    "OFPST_METER request",
    "OFPST_METER reply",
    "OFPST_METER_CONFIG request",
    "OFPST_METER_CONFIG reply",
    "OFPST_METER_FEATURES request",
    "OFPST_METER_FEATURES reply",
    "OFPST_TABLE_FEATURES request",
    "OFPST_TABLE_FEATURES reply",
    "OFPST_PORT_DESC request",
    "OFPST_PORT_DESC reply",
    "ONFST_FLOW_MONITOR request",
    "ONFST_FLOW_MONITOR reply",
    "ONFT_BUNDLE_CONTROL",
    "ONFT_BUNDLE_ADD_MESSAGE",
    "NXT_TLV_TABLE_MOD",
    "NXT_TLV_TABLE_REQUEST",
    "NXT_TLV_TABLE_REPLY",
    "NXT_PACKET_IN2",
    "NXT_RESUME",
    "NXT_SET_PACKET_IN_FORMAT",
    "NXST_IPFIX_BRIDGE request",
    "NXT_CT_FLUSH_ZONE",
];
