use super::*;

const MAIN: &str = "02:00:cb:00:71:02";
const VMAC: &str = "02:00:c6:33:64:07";
const GATEWAY: &str = "02:00:cb:00:71:fe";
const STRANGER: &str = "02:00:0a:00:00:0b";
const ALL: &str = "ff:ff:ff:ff:ff:ff";

fn mac(text: &str) -> MacAddr {
    text.parse().expect("a MAC")
}

fn rules(only_to_gateway: bool) -> Rules {
    let bound = |block: &str, to: &str| Binding { block: block.parse().expect("a block"), mac: mac(to) };
    Rules {
        gateway: Ipv4Addr::new(203, 0, 113, 254),
        gateway_mac: mac(GATEWAY),
        bindings: vec![bound("203.0.113.2/32", MAIN), bound("192.0.2.64/30", MAIN), bound("198.51.100.7/32", VMAC)],
        only_to_gateway,
        who_has_per_minute: 10,
    }
}

fn ethernet(dst: &str, src: &str, rest: &[u8]) -> Vec<u8> {
    [&mac(dst).octets(), &mac(src).octets(), rest].concat()
}

fn ipv4(dst: &str, src: &str, from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
    let header = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0];
    ethernet(dst, src, &[&[0x08, 0x00], &header[..], &from, &to].concat())
}

fn arp(dst: &str, src: &str, operation: u8, sha: &str, spa: [u8; 4], tpa: [u8; 4]) -> Vec<u8> {
    let head = [0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, operation];
    ethernet(dst, src, &[&head[..], &mac(sha).octets(), &spa, &[0; 6], &tpa].concat())
}

const HOST: [u8; 4] = [203, 0, 113, 2];
const FLOATING: [u8; 4] = [198, 51, 100, 7];
const ROUTER: [u8; 4] = [203, 0, 113, 254];
const WORLD: [u8; 4] = [192, 0, 2, 210];

#[test]
fn packets_pass_from_the_mac_that_their_address_is_bound_to() {
    let check = |frame: &[u8], cause| assert_eq!(rules(false).judge(frame), cause);
    check(&ipv4(GATEWAY, MAIN, HOST, WORLD), None);
    check(&ipv4(GATEWAY, MAIN, [192, 0, 2, 67], WORLD), None);
    check(&ipv4(GATEWAY, VMAC, FLOATING, WORLD), None);
    check(&ipv4(GATEWAY, STRANGER, HOST, WORLD), Some(Cause::UnregisteredMac));
    check(&ipv4(GATEWAY, VMAC, HOST, WORLD), Some(Cause::WrongMac));
    check(&ipv4(GATEWAY, MAIN, FLOATING, WORLD), Some(Cause::WrongMac));
    check(&ipv4(GATEWAY, MAIN, [10, 0, 0, 11], WORLD), Some(Cause::ForeignAddress));
    check(&ipv4(GATEWAY, MAIN, HOST, [192, 0, 2, 64]), Some(Cause::Returned));
    check(&ipv4(GATEWAY, MAIN, HOST, WORLD)[..30], Some(Cause::Malformed));
    check(&[0; 13], Some(Cause::Malformed));
}

#[test]
fn arp_passes_with_a_registered_sender() {
    let check = |frame: &[u8], cause| assert_eq!(rules(false).judge(frame), cause);
    check(&arp(ALL, MAIN, 1, MAIN, HOST, ROUTER), None);
    check(&arp(ALL, MAIN, 1, MAIN, [0; 4], ROUTER), None);
    check(&arp(GATEWAY, VMAC, 2, VMAC, FLOATING, ROUTER), None);
    check(&arp(ALL, MAIN, 1, STRANGER, HOST, ROUTER), Some(Cause::UnregisteredArpSender));
    check(&arp(ALL, MAIN, 1, VMAC, FLOATING, ROUTER), Some(Cause::ArpSenderDiffers));
    check(&arp(ALL, MAIN, 1, MAIN, FLOATING, ROUTER), Some(Cause::WrongMac));
    check(&arp(ALL, MAIN, 1, MAIN, ROUTER, ROUTER), Some(Cause::ForeignAddress));
    check(&arp(ALL, MAIN, 1, MAIN, HOST, ROUTER)[..40], Some(Cause::Malformed));
}

#[test]
fn nothing_but_ipv4_and_arp_passes() {
    let check = |rest: &[u8], cause| assert_eq!(rules(false).judge(&ethernet(ALL, MAIN, rest)), Some(cause));
    check(&[0x86, 0xdd, 0x60, 0, 0, 0], Cause::EtherType);
    check(&[0x88, 0xb5, 1, 2, 3, 4], Cause::EtherType);
    check(&[0x00, 0x26, 0x42, 0x42, 0x03, 0], Cause::EtherType);
    check(&[0x81, 0x00, 0x00, 0x64, 0x08, 0x00, 0x45], Cause::Tagged);
    check(&[0x88, 0xa8, 0x00, 0x64, 0x81, 0x00, 0x00, 0x65, 0x08, 0x00], Cause::Tagged);
    for group in ["01:80:c2:00:00:00", "01:80:c2:00:00:0e"] {
        assert_eq!(rules(false).judge(&ethernet(group, MAIN, &[0x88, 0xcc, 2, 7])), Some(Cause::LinkLocal));
    }
}

#[test]
fn only_the_gateway_may_be_spoken_to_where_that_is_the_rule() {
    let check = |frame: &[u8], cause| assert_eq!(rules(true).judge(frame), cause);
    check(&ipv4(GATEWAY, MAIN, HOST, WORLD), None);
    check(&ipv4(STRANGER, MAIN, HOST, WORLD), Some(Cause::NotToGateway));
    check(&arp(ALL, MAIN, 1, MAIN, HOST, ROUTER), None);
    check(&arp(GATEWAY, VMAC, 2, VMAC, FLOATING, ROUTER), None);
    check(&arp(ALL, VMAC, 1, VMAC, FLOATING, FLOATING), Some(Cause::NotToGateway));
    check(&arp(ALL, MAIN, 1, MAIN, HOST, [203, 0, 113, 3]), Some(Cause::NotToGateway));
}

#[test]
fn another_binding_replaces_the_one_before() {
    let mut rules = rules(false);
    let block = "198.51.100.7/32".parse().expect("a block");
    rules.bind(Binding { block, mac: mac(MAIN) });
    assert_eq!(rules.judge(&ipv4(GATEWAY, MAIN, FLOATING, WORLD)), None);
    assert_eq!(rules.judge(&ipv4(GATEWAY, VMAC, FLOATING, WORLD)), Some(Cause::UnregisteredMac));
}

#[test]
fn while_an_order_is_under_way_both_macs_are_taken_and_no_third_one() {
    let mut rules = rules(false);
    let (block, second) = ("198.51.100.7/32".parse().expect("a block"), STRANGER);
    rules.allow(Binding { block, mac: mac(second) });
    for (src, cause) in [(VMAC, None), (second, None), (MAIN, Some(Cause::WrongMac))] {
        assert_eq!(rules.judge(&ipv4(GATEWAY, src, FLOATING, WORLD)), cause, "{src}");
    }
    assert_eq!(rules.judge(&ipv4(GATEWAY, second, HOST, WORLD)), Some(Cause::WrongMac));
}
