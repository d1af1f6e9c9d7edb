//! Who configures the network of this machine, and what has to be changed there: it is said and not done.

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use super::machine::Link;
use super::names::InterfaceName;
use super::plan::Wanted;

/// Services that may give the uplink its addresses back while the machine runs.
pub(super) fn running(root: &Path, link: Option<&Link>, bridge: &InterfaceName) -> Vec<String> {
    let mut warnings = Vec::new();
    let Some(Link { name, ifindex, .. }) = link else { return warnings };
    if root.join(format!("run/NetworkManager/devices/{ifindex}")).exists() {
        warnings.push(format!(
            "NetworkManager looks after {name} and may give it its addresses back: first say `nmcli device set {name} managed no` and `nmcli device set {bridge} managed no`"
        ));
    }
    let networkd = fs::read_to_string(root.join(format!("run/systemd/netif/links/{ifindex}")));
    if networkd.is_ok_and(|text| text.lines().any(|line| line.starts_with("NETWORK_FILE="))) {
        warnings.push(format!(
            "systemd-networkd looks after {name}: it gives it its addresses back when it is restarted or the link comes up anew"
        ));
    }
    warnings
}

/// What to change so that it is so after the next boot.
pub(super) fn lasting(root: &Path, wanted: &Wanted, link: Option<&Link>, gateway: Option<IpAddr>) -> String {
    let Wanted { uplink, bridge, .. } = wanted;
    let mut text = format!(
        "Before the next boot: Open vSwitch keeps {uplink} in {bridge}, and so the distribution's network configuration has to\n\
         leave {uplink} without addresses (but up), and give them to {bridge}. Otherwise the host is cut off then.\n"
    );
    let mentions =
        |files: &[&str]| files.iter().flat_map(|own| files_of(&root.join(own))).find(|own| names(own, uplink));
    let mut is_known = false;
    let mut tell = |file: Option<std::path::PathBuf>, what: String| {
        if let Some(file) = file {
            is_known = true;
            let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            text.push_str(&format!("\n/{} names {uplink}. {what}\n", shown.trim_start_matches('/')));
        }
    };
    let addresses: Vec<_> = link
        .into_iter()
        .flat_map(Link::wider_addresses)
        .map(|own| format!("{}/{}", own.local, own.prefixlen))
        .collect();
    let addresses = addresses.join(", ");
    tell(
        mentions(&["etc/network/interfaces", "etc/network/interfaces.d"]),
        format!(
            "`iface {uplink} inet manual` with `up ip link set $IFACE up`, and its old stanza as `iface {bridge}`."
        ),
    );
    tell(
        mentions(&["etc/netplan"]),
        format!(
            "Leave `{uplink}: {{}}` under ethernets, and put its addresses ({addresses}) and routes under `{bridge}`."
        ),
    );
    tell(
        mentions(&["etc/systemd/network"]),
        format!(
            "`[Network] LinkLocalAddressing=no` for {uplink}, and a file with `Name={bridge}` for its addresses ({addresses}) and routes."
        ),
    );
    tell(
        mentions(&["etc/NetworkManager/system-connections", "etc/sysconfig/network-scripts"]),
        format!("Make {uplink} and {bridge} unmanaged, or move its addresses ({addresses}) to {bridge}."),
    );
    if !is_known {
        text.push_str(&format!("No configuration that names {uplink} was found in /etc.\n"));
    }
    text.push_str(&format!("\nThen say what the provider gives:\n{}\n", declaration(wanted, link, gateway)));
    text
}

/// The command that declares the provider on this uplink.
fn declaration(wanted: &Wanted, link: Option<&Link>, gateway: Option<IpAddr>) -> String {
    let mut line = format!("buoyctl provider create NAME --bridge {} --uplink {}", wanted.bridge, wanted.uplink);
    if let Some(gateway) = gateway {
        let _ = write!(line, " --gateway {gateway}");
    }
    let own: Vec<_> = link.into_iter().flat_map(Link::wider_addresses).filter(|own| own.local.is_ipv4()).collect();
    for address in &own {
        let _ = write!(line, " --host-ip {}", address.local);
    }
    let mut networks: Vec<_> = own.iter().filter(|own| own.prefixlen < 31).filter_map(|own| own.network()).collect();
    networks.dedup();
    for network in networks {
        let _ = write!(line, " --onlink {network}");
    }
    line
}

fn files_of(path: &Path) -> Vec<std::path::PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut files: Vec<_> = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Whether a file names an interface, as a word of its own.
fn names(file: &Path, interface: &InterfaceName) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .any(|line| line.split(|c| !is_part(c)).any(|word| word == interface.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_names_the_uplink_is_named() {
        let root = tempfile::tempdir().expect("a directory");
        let wanted = Wanted {
            uplink: "eth0".parse().expect("a name"),
            bridge: "br-ex".parse().expect("a name"),
            int_bridge: None,
            controller: String::new(),
            datapath_type: None,
        };
        let advice = || lasting(root.path(), &wanted, None, Some(IpAddr::from([203, 0, 113, 1])));
        assert!(advice().contains("No configuration that names eth0"), "{}", advice());
        let netplan = root.path().join("etc/netplan");
        fs::create_dir_all(&netplan).expect("a directory");
        fs::write(netplan.join("01.yaml"), "network:\n  ethernets:\n    eth01: {}\n    # eth0: {}\n").expect("a file");
        assert!(advice().contains("No configuration"), "another interface, and a comment");
        fs::write(netplan.join("02.yaml"), "network:\n  ethernets:\n    eth0:\n      dhcp4: true\n").expect("a file");
        let text = advice();
        assert!(text.contains("/etc/netplan/02.yaml names eth0") && !text.contains("No configuration"), "{text}");
        assert!(text.contains("--bridge br-ex --uplink eth0 --gateway 203.0.113.1"), "{text}");
    }
}
