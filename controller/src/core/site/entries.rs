//! The site as it is written: each thing as the entry that declares it. What has its default is left out.

use buoy_topology::{
    CoolDown, FloatingIp, GarpTiming, Instance, Interface, Key, Label, Labels, MacPolicy, Network, Percent, Pool,
    Provider, Quota, RangeSpec, Record, Site,
};
use serde::Serialize;
use serde_json::Value;

use crate::api::{
    Address, DirectAdd, FipEntry, InstanceEntry, InterfaceEntry, NetworkEntry, Policy, PoolEntry, ProjectQuota,
    ProjectSet, ProviderCreate, Setting, Sharing, Subnet, Switch,
};

/// All that is declared, kind by kind, in the order of names and addresses.
pub(super) fn all(site: &Site) -> impl Iterator<Item = Key> {
    let all = site.stored(&Key::DefaultQuota).map(|own| own.key()).into_iter();
    let all = all.chain(site.projects().map(|own| Key::Project(own.name.clone())));
    let all = all.chain(site.providers().map(|own| Key::Provider(own.name.clone())));
    let all = all.chain(site.pools().map(|own| Key::Pool(own.name.clone())));
    let all = all.chain(site.networks().map(|own| Key::Network(own.name.clone())));
    let all = all.chain(site.instances().map(|own| Key::Instance(own.name.clone())));
    let all = all.chain(site.directs().map(|own| Key::Direct(own.name.clone())));
    all.chain(site.floating_ips().map(|own| Key::FloatingIp(own.address)))
}

/// The entry that declares a thing; none for what is not there, or has nothing to tell.
pub(super) fn entry(site: &Site, key: &Key) -> Option<Value> {
    match key {
        Key::Provider(name) => site.provider(name).map(|own| written(&provider(own))),
        Key::Pool(name) => site.pool(name).map(|own| written(&pool(own))),
        Key::Network(name) => site.network(name).map(|own| written(&network(own))),
        Key::Instance(name) => site.instance(name).map(|own| written(&instance(own))),
        Key::Direct(name) => site.direct(name).map(|own| {
            let ip = own.ips.iter().copied().map(Address).collect();
            let (name, provider, port) = (own.name.clone(), own.provider.clone(), own.port.clone());
            written(&DirectAdd { name, provider, port, mac: own.mac, ip })
        }),
        Key::FloatingIp(address) => {
            site.floating_ip(*address).filter(|own| own.is_told()).map(|own| written(&fip(own)))
        }
        Key::Project(name) => site.project(name).map(|own| {
            let fip_quota = own.fip_quota.map(ProjectQuota::Own);
            written(&ProjectSet { name: Some(own.name.clone()), default: false, fip_quota })
        }),
        Key::DefaultQuota => match site.stored(key)? {
            Record::DefaultQuota(quota) => Some(written(&default_quota(quota))),
            _ => None,
        },
        Key::NextEntity => None,
    }
}

fn provider(own: &Provider) -> ProviderCreate {
    let (mac_policy, router_mac) = match own.mac_policy {
        MacPolicy::Host => (Policy::Host, None),
        MacPolicy::Vmac => (Policy::Vmac, None),
        MacPolicy::Router(mac) => (Policy::Router, Some(mac)),
    };
    let usual = GarpTiming::default();
    let GarpTiming { count, interval_ms } = own.garp_timing;
    ProviderCreate {
        name: own.name.clone(),
        bridge: own.bridge.clone(),
        uplink: own.uplink.clone(),
        vlan: own.vlan,
        gateway: own.gateway.map(Address),
        gateway_mac: own.gateway_mac,
        host_ip: own.host_ips.iter().copied().map(Address).collect(),
        mac_policy,
        router_mac,
        onlink: own.onlink.iter().copied().map(Subnet).collect(),
        no_snat: own.no_snat.iter().copied().map(Subnet).collect(),
        mtu: own.mtu,
        garp: own.garp.then_some(Switch::On),
        garp_count: (count != usual.count).then_some(count),
        garp_interval: (interval_ms != usual.interval_ms).then_some(interval_ms),
        patch: (own.patch != own.bridge.prefixed("phy-")).then(|| own.patch.clone()),
        hook: own.hook.clone().map(Setting::Value),
        snat: own.snat.map(|snat| Sharing(Some(snat))),
    }
}

fn default_quota(quota: Quota) -> ProjectSet {
    ProjectSet { name: None, default: true, fip_quota: Some(ProjectQuota::Own(quota)) }
}

fn pool(own: &Pool) -> PoolEntry {
    let ranges = |own: &buoy_topology::AddressSet| {
        own.spans().iter().map(|span| RangeSpec::Span(span.first, span.last)).collect()
    };
    PoolEntry {
        name: own.name.clone(),
        provider: own.provider.clone(),
        range: ranges(&own.addresses),
        all_addresses: false,
        default: own.default,
        reserved: ranges(&own.reserved),
        cool_down: (own.cool_down != CoolDown::default()).then_some(own.cool_down),
        warn_at: (own.warn_at != Percent::usual()).then(|| own.warn_at.map_or(Setting::None, Setting::Value)),
    }
}

fn network(own: &Network) -> NetworkEntry {
    NetworkEntry {
        name: own.name.clone(),
        cidr: Subnet(own.cidr),
        gateway: Address(own.gateway),
        gateway_mac: Some(own.gateway_mac),
        project: own.project.clone(),
        auto_assign: own.auto_assign.clone(),
        snat: (!own.snat).then_some(Switch::Off),
    }
}

fn label(own: &Labels) -> Vec<Label> {
    own.iter().collect()
}

fn instance(own: &Instance) -> InstanceEntry {
    let interface = |own: &Interface| InterfaceEntry {
        network: own.network.clone(),
        port: own.port.clone(),
        mac: own.mac,
        ip: Address(own.ip),
        vlan: own.vlan,
    };
    InstanceEntry {
        name: own.name.clone(),
        project: Some(own.project.clone()),
        bridge: Some(own.bridge.clone()),
        interface: own.interfaces.iter().map(interface).collect(),
        label: label(&own.labels),
        note: own.note.clone(),
    }
}

fn fip(own: &FloatingIp) -> FipEntry {
    FipEntry {
        address: Address(own.address),
        project: own.project.clone(),
        instance: own.association.as_ref().map(|held| held.instance.clone()),
        fixed_ip: own.association.as_ref().map(|held| Address(held.fixed_ip)),
        mac: own.mac,
        note: own.note.clone(),
        label: label(&own.labels),
    }
}

/// An entry without what it need not say.
fn written(entry: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(entry).expect("an entry is plain data");
    trim(&mut value);
    value
}

fn trim(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(trim);
            for name in NUMBERS {
                let number = fields.get(name).and_then(Value::as_str).and_then(|text| text.parse::<u32>().ok());
                if let Some(number) = number {
                    fields.insert(name.to_owned(), number.into());
                }
            }
            fields.retain(|name, value| match value {
                Value::Null | Value::Bool(false) => false,
                Value::Array(all) => !all.is_empty(),
                Value::String(text) => name != "mac_policy" || text != "host",
                _ => true,
            });
        }
        Value::Array(all) => all.iter_mut().for_each(trim),
        _ => {}
    }
}

/// Fields that are a number or a word.
const NUMBERS: [&str; 2] = ["fip_quota", "warn_at"];
