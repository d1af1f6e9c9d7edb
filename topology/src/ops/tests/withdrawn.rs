//! Addresses that were taken out of a pool: closed until somebody says whose they are.

use super::*;
use crate::{Provider, Record};

fn range(text: &str) -> RangeSpec {
    text.parse().unwrap()
}

fn take_out(site: &mut Site, text: &str) {
    run(site, |site| site.remove_from_pool(&name("public"), &[range(text)]));
}

fn closed(site: &Site) -> Vec<String> {
    site.closed_blocks(site.pool(&name("public")).unwrap()).iter().map(ToString::to_string).collect()
}

fn withdrawn(site: &Site) -> Vec<String> {
    site.pool(&name("public")).unwrap().withdrawn.spans().iter().map(ToString::to_string).collect()
}

#[test]
fn what_was_taken_out_stays_closed_and_is_not_handed_out() {
    let mut site = site(PolicySpec::Host);
    let before = closed(&site);
    take_out(&mut site, "203.0.113.4-203.0.113.5");
    assert_eq!((withdrawn(&site), closed(&site)), (vec!["203.0.113.4-203.0.113.5".to_owned()], before));
    let own: Vec<_> = site.blocks(site.pool(&name("public")).unwrap()).iter().map(ToString::to_string).collect();
    assert_eq!(own, ["203.0.113.3/32", "203.0.113.6/32"]);
    assert_eq!(site.withdrawn_from(address(5)).map(|pool| pool.name.clone()), Some(name("public")));
    assert_eq!((site.pool_at(address(5)).is_some(), site.withdrawn_from(address(3)).is_some()), (false, false));
    // The host was seen to speak from it.
    site.keep(address(4));
    assert_eq!(closed(&site), ["203.0.113.3/32", "203.0.113.5/32", "203.0.113.6/32"]);
    run(&mut site, |site| site.add_direct(name("gw"), direct_of(5)));
    assert_eq!(closed(&site), ["203.0.113.3/32", "203.0.113.6/32"]);
    run(&mut site, |site| site.remove_direct(&name("gw")));
    assert_eq!(closed(&site), ["203.0.113.3/32", "203.0.113.5/32", "203.0.113.6/32"]);
}

fn direct_of(last: u8) -> DirectSpec {
    let mac = MacAddr::new([2, 0, 0, 0, 0, 0x30]);
    DirectSpec { provider: name("lan"), port: port("qg0"), mac, ips: vec![address(last)] }
}

#[test]
fn it_is_over_with_the_pool_that_gets_it_and_with_a_word() {
    let mut site = site(PolicySpec::Host);
    take_out(&mut site, "203.0.113.3-203.0.113.6");
    run(&mut site, |site| site.add_to_pool(&name("public"), &ranges(&["203.0.113.3"])));
    assert_eq!(withdrawn(&site), ["203.0.113.4-203.0.113.6"]);
    let spec = PoolSpec {
        provider: name("lan"),
        ranges: ranges(&["203.0.113.4"]),
        default: false,
        cool_down: Default::default(),
        warn_at: None,
    };
    run(&mut site, |site| site.create_pool(name("more"), spec));
    assert_eq!(withdrawn(&site), ["203.0.113.5-203.0.113.6"]);
    let entry = EntrySpec { range: range("203.0.113.5"), mac: None, note: None };
    let list = ImportSpec { entries: vec![entry], all_addresses: false };
    let imported = site.import_to_pool(&name("more"), &list).unwrap();
    site.apply(&imported.change);
    assert_eq!(withdrawn(&site), ["203.0.113.6"]);
    let refused = site.forget_withdrawn(&name("public"), &[range("203.0.113.5-203.0.113.6")]).unwrap_err();
    let text = "203.0.113.5-203.0.113.6 was not wholly taken out of pool public: `buoyctl pool show public` shows what was, as withdrawn";
    assert_eq!(refused.to_string(), text);
    run(&mut site, |site| site.forget_withdrawn(&name("public"), &[range("203.0.113.6")]));
    assert_eq!((withdrawn(&site), closed(&site)), (vec![], vec!["203.0.113.3/32".to_owned()]));
}

#[test]
fn what_is_on_link_is_not_remembered() {
    let mut site = site(PolicySpec::Host);
    let lan = Provider {
        onlink: vec!["203.0.113.4/31".parse().unwrap()],
        ..(**site.provider(&name("lan")).unwrap()).clone()
    };
    let mut change = Change::default();
    change.put(Record::Provider(lan.into()));
    site.apply(&change);
    take_out(&mut site, "203.0.113.4-203.0.113.6");
    assert_eq!(withdrawn(&site), ["203.0.113.6"]);
    assert_eq!(closed(&site), ["203.0.113.3/32", "203.0.113.6/32"]);
}

#[test]
fn what_a_provider_says_is_out_there_is_closed_no_more() {
    let mut site = site(PolicySpec::Host);
    take_out(&mut site, "203.0.113.4-203.0.113.6");
    let six = || vec!["203.0.113.6/32".parse().unwrap()];
    let onlink = ProviderSpec { onlink: six(), ..provider(PolicySpec::Host) };
    run(&mut site, |site| site.set_provider(&name("lan"), onlink));
    assert_eq!(closed(&site), ["203.0.113.3/32", "203.0.113.4/31"]);
    let routed = ProviderSpec { no_snat: six(), ..provider(PolicySpec::Host) };
    run(&mut site, |site| site.set_provider(&name("lan"), routed));
    assert_eq!(closed(&site), ["203.0.113.3/32", "203.0.113.4/31"]);
    // Another provider may have them by now.
    let elsewhere = ProviderSpec {
        uplink: port("eth1"),
        host_ips: Vec::new(),
        no_snat: vec!["203.0.113.4/31".parse().unwrap()],
        ..provider(PolicySpec::Host)
    };
    run(&mut site, |site| site.create_provider(name("wan"), elsewhere));
    assert_eq!(closed(&site), ["203.0.113.3/32"]);
    // It is remembered as long as nothing else is said; what a pool has is closed in any case.
    run(&mut site, |site| site.delete_provider(&name("wan")));
    let onlink = ProviderSpec { onlink: vec!["203.0.113.3/32".parse().unwrap()], ..provider(PolicySpec::Host) };
    run(&mut site, |site| site.set_provider(&name("lan"), onlink));
    assert_eq!(closed(&site), ["203.0.113.3/32", "203.0.113.4/31", "203.0.113.6/32"]);
}

#[test]
fn a_new_default_pool_takes_both_from_the_old_one() {
    let mut site = site(PolicySpec::Host);
    let default = PoolChange { default: Some(true), ..PoolChange::default() };
    run(&mut site, |site| site.set_pool(&name("public"), &default));
    take_out(&mut site, "203.0.113.4-203.0.113.5");
    let spec = PoolSpec {
        provider: name("lan"),
        ranges: ranges(&["203.0.113.4"]),
        default: true,
        cool_down: Default::default(),
        warn_at: None,
    };
    run(&mut site, |site| site.create_pool(name("more"), spec));
    let defaults: Vec<_> = site.pools().filter(|pool| pool.default).map(|pool| pool.name.clone()).collect();
    assert_eq!((defaults, withdrawn(&site)), (vec![name("more")], vec!["203.0.113.5".to_owned()]));
}
