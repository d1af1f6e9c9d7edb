//! A floating IP in a handful of flows written by hand: what the lab has to carry, without a controller.

use std::net::Ipv4Addr;

use buoy_testbed::Lab;

pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 50);
pub(crate) const REMOTE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);
pub(crate) const FLOATING_IP: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 100);
pub(crate) const VM1: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 11);
pub(crate) const VM2: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 12);
pub(crate) const UPLINK_MAC: &str = "02:00:cb:00:71:02";

const ROUTER_MAC: &str = "02:00:cb:00:71:01";
const CLIENT_MAC: &str = "02:00:cb:00:71:32";
const VM1_MAC: &str = "02:00:0a:00:00:0b";
const GATEWAY_MAC: &str = "02:00:0a:00:00:01";

/// Gives vm1 the floating IP.
pub(crate) fn hand_written_floating_ip(lab: &Lab) {
    let answer = |mac: &str| {
        format!(
            "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],set_field:{mac}->eth_src,set_field:2->arp_op,\
             move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],\
             set_field:{mac}->arp_sha"
        )
    };
    let (fip_answer, gateway_answer) = (answer(UPLINK_MAC), answer(GATEWAY_MAC));
    let out = format!("set_field:{UPLINK_MAC}->eth_src,output:uplink0");
    let external = [
        format!(
            "priority=20,arp,in_port=uplink0,arp_op=1,arp_tpa={FLOATING_IP},actions={fip_answer},set_field:{FLOATING_IP}->arp_spa,in_port"
        ),
        format!("priority=20,ip,in_port=uplink0,nw_dst={FLOATING_IP},actions=output:\"phy-br-ex\""),
        format!("priority=20,ip,in_port=\"phy-br-ex\",nw_dst={CLIENT},actions=set_field:{CLIENT_MAC}->eth_dst,{out}"),
        format!("priority=10,ip,in_port=\"phy-br-ex\",actions=set_field:{ROUTER_MAC}->eth_dst,{out}"),
        "priority=10,in_port=uplink0,actions=LOCAL".to_owned(),
        "priority=10,in_port=LOCAL,actions=output:uplink0".to_owned(),
    ];
    let integration = [
        format!(
            "priority=20,arp,in_port=vm1,arp_op=1,arp_tpa=10.0.0.1,actions={gateway_answer},set_field:10.0.0.1->arp_spa,in_port"
        ),
        format!(
            "priority=20,ip,in_port=vm1,eth_dst={GATEWAY_MAC},actions=dec_ttl,set_field:{FLOATING_IP}->ip_src,output:\"int-br-ex\""
        ),
        format!(
            "priority=20,ip,in_port=\"int-br-ex\",nw_dst={FLOATING_IP},actions=dec_ttl,set_field:{VM1}->ip_dst,\
             set_field:{GATEWAY_MAC}->eth_src,set_field:{VM1_MAC}->eth_dst,output:vm1"
        ),
    ];
    lab.replace_flows("br-ex", &external.each_ref().map(String::as_str));
    lab.replace_flows("br-int", &integration.each_ref().map(String::as_str));
}
