//! A Linux namespace that does the same by itself: it routes, and nftables translates.

use std::net::Ipv4Addr;
use std::process::Stdio;

use buoy_topology::MacAddr;

use crate::Lab;
use crate::tools::command;

/// Whether nft is installed, and the kernel lets it into a namespace.
pub(super) fn has_nftables() -> bool {
    let mut line = command("unshare");
    line.args(["--map-root-user", "--net", "nft", "list", "tables"]).stdout(Stdio::null()).stderr(Stdio::null());
    line.status().is_ok_and(|status| status.success())
}

/// Puts it between the provider's switch, where its port is [`PORT`], and the guest, on interfaces of their own.
#[track_caller]
pub(super) fn build(lab: &Lab) {
    lab.host().run(["ip", "netns", "add", NAME]).expect_success();
    let file = "/run/buoy/nat.batch";
    std::fs::write(lab.path(file), LINKS).expect("/run of the lab is writable");
    lab.host().run(["ip", "-batch", file]).expect_success();
    let inside = |node: &str, script: &str| lab.node(node).run(["sh", "-ec", script]).expect_success();
    inside("lan", "ip link set nat0 up");
    inside("vm1", "ip address add 192.0.2.11/24 dev nat1; ip link set nat1 up");
    inside(NAME, ROUTING);
    lab.node(NAME).run(["nft", RULES]).expect_success();
}

/// Its port at the provider's switch.
pub(super) const PORT: &str = "nat0";
/// Where the provider sends what is for [`OUTSIDE`].
pub(super) const MAC: MacAddr = MacAddr::new([0x02, 0x00, 0xc0, 0x00, 0x02, 0x01]);
/// The address that it translates.
pub(super) const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 130);

const NAME: &str = "nat";
const LINKS: &str = "\
link add nat0 netns lan type veth peer name out0 address 02:00:c0:00:02:01 netns nat
link add in0 netns nat type veth peer name nat1 netns vm1
";
const ROUTING: &str = "
for scope in all default out0 in0; do echo 0 >/proc/sys/net/ipv4/conf/$scope/rp_filter; done
echo 1 >/proc/sys/net/ipv4/ip_forward
ip address add 192.0.2.1/24 dev in0
ip link set in0 up
ip address add 203.0.113.130/24 dev out0
ip link set out0 up
ip route add default via 203.0.113.1
";
const RULES: &str = "
table ip nat {
    chain inbound { type nat hook prerouting priority -100; iifname \"out0\" ip daddr 203.0.113.130 dnat to 192.0.2.11; }
    chain outbound { type nat hook postrouting priority 100; oifname \"out0\" ip saddr 192.0.2.11 snat to 203.0.113.130; }
}
";
