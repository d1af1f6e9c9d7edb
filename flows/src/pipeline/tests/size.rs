//! The MTU of providers in the pipeline.

use super::*;

#[test]
fn a_bridge_that_cannot_measure_sends_as_it_is() {
    let mut site = site(PolicySpec::Host);
    let of = |site: &Site, measures| -> Vec<String> {
        let bridge = Bridge { measures, ..integration() };
        let all = flows(site, &learnt(site), &bridge);
        all.values().flatten().filter(|flow| [60, 65].contains(&flow.table.0)).map(ToString::to_string).collect()
    };
    let plain = of(&site, true);
    let set = |site: &mut Site, mtu: u16| {
        let spec = ProviderSpec {
            mtu: Some(mtu.try_into().unwrap()),
            ..ProviderSpec::from(&**site.provider(&name("lan")).unwrap())
        };
        let change = site.set_provider(&name("lan"), spec).unwrap();
        apply(site, change);
    };
    set(&mut site, 1_400);
    assert_eq!(of(&site, false), plain);
    let measured = of(&site, true);
    assert_eq!(measured.len(), plain.len() + 1, "{measured:#?}");
    assert!(measured.iter().any(|flow| flow.contains("check_pkt_larger(1414)->NXM_NX_REG8[0]")), "{measured:#?}");
    // The longest packets of IPv4 make frames that no measure reaches.
    set(&mut site, 65_521);
    assert!(of(&site, true).iter().any(|flow| flow.contains("check_pkt_larger(65535)")));
    set(&mut site, 65_522);
    assert_eq!(of(&site, true), plain);
}
