//! The figures that `buoyctl metrics` and the HTTP endpoint show. docs/metrics.md lists them; a test holds the two together.

use std::collections::BTreeMap;
use std::fmt::Display;

use buoy_flows::pipeline::DropReason;
use buoy_topology::FloatingIpState;

use super::Core;
use super::stats::Dropped;
use crate::api::views::{MetricsView, ProviderView};
use crate::metrics::{Kind, Page};

/// What is counted for metrics alone.
#[derive(Debug, Default)]
pub(super) struct Meters {
    /// Requests by method.
    pub(super) requests: BTreeMap<&'static str, u64>,
}

impl Core {
    /// All figures; `dropped` is what the switches have told.
    pub(super) fn metrics(&self, dropped: &Dropped) -> MetricsView {
        let mut page = Page::default();
        self.daemon_metrics(&mut page);
        self.switch_metrics(&mut page);
        self.pool_metrics(&mut page);
        self.provider_metrics(&mut page);
        drop_metrics(&mut page, dropped);
        MetricsView { text: page.text() }
    }

    fn daemon_metrics(&self, page: &mut Page) {
        let mut gauge = |name, help, value| page.family(Kind::Gauge, name, help).sample(&[], value);
        gauge("buoy_safe_mode", "1 while the store is refused and nothing is changed.", self.is_safe_mode().into());
        gauge("buoy_generation", "Number of the last commit.", self.site.generation().0);
        gauge("buoy_providers", "Providers that are declared.", self.site.providers().count() as u64);
        gauge("buoy_networks", "Networks that are declared.", self.site.networks().count() as u64);
        gauge("buoy_instances", "Instances that are declared.", self.site.instances().count() as u64);
        let version: &dyn Display = &env!("CARGO_PKG_VERSION");
        page.family(Kind::Gauge, "buoy_build_info", "Version of the daemon; always 1.")
            .sample(&[("version", version)], 1);
        let help = "Requests that the daemon has taken in, by method.";
        let mut requests = page.family(Kind::Counter, "buoy_requests_total", help);
        self.meters.requests.iter().for_each(|(method, count)| requests.sample(&[("method", method)], *count));
        let store = self.store.as_ref().map(|store| store.stats()).unwrap_or_default();
        let mut counter = |name, help, value| page.family(Kind::Counter, name, help).sample(&[], value);
        counter("buoy_store_commits_total", "Writes that became durable, what was learnt included.", store.commits);
        counter("buoy_store_errors_total", "Writes that the store refused or could not do.", store.errors);
    }

    fn switch_metrics(&self, page: &mut Page) {
        let views = self.switch_views();
        // A bridge that is there counts, and not what is known of others that had its name.
        let mut named = BTreeMap::new();
        for own in &views {
            let Some(bridge) = &own.bridge else { continue };
            let place = named.entry((bridge.as_str(), own.host.as_str())).or_insert(own);
            if own.connected {
                *place = own;
            }
        }
        let mut family = |kind, name, help, value: &dyn Fn(&crate::api::views::SwitchView) -> Option<u64>| {
            let mut family = page.family(kind, name, help);
            for ((bridge, host), own) in &named {
                if let Some(value) = value(own) {
                    family.sample(&[("bridge", bridge), ("host", host)], value);
                }
            }
        };
        use Kind::{Counter, Gauge};
        family(Gauge, "buoy_switch_connected", "1 for a bridge that is connected.", &|own| Some(own.connected.into()));
        let help = "1 for a bridge that has acknowledged all that it should have.";
        family(Gauge, "buoy_switch_applied", help, &|own| Some(own.applied.into()));
        family(Gauge, "buoy_switch_generation", "The last state that a bridge has acknowledged.", &|own| {
            own.generation
        });
        family(Gauge, "buoy_switch_flows", "Flows of ours that a bridge has.", &|own| own.flows);
        family(Gauge, "buoy_switch_foreign_flows", "Flows of others that a bridge has.", &|own| own.foreign_flows);
        let help = "Flows of ours that others changed and that were put back, since the bridge connected.";
        family(Counter, "buoy_switch_repaired_flows_total", help, &|own| own.repaired_flows);
    }

    fn pool_metrics(&self, page: &mut Page) {
        let pools: Vec<_> = self.site.pools().map(|pool| self.pool_view(pool)).collect();
        let help = "Addresses of a pool by state; those that are never handed out are reserved.";
        let mut addresses = page.family(Kind::Gauge, "buoy_floating_ips", help);
        for own in &pools {
            let states: [(&dyn Display, u64); 4] = [
                (&FloatingIpState::Available.word(), own.free),
                (&FloatingIpState::Allocated.word(), own.allocated),
                (&FloatingIpState::Associated.word(), own.associated),
                (&"reserved", own.reserved),
            ];
            for (state, count) in states {
                addresses.sample(&[("pool", &own.name), ("provider", &own.provider), ("state", state)], count);
            }
        }
    }

    fn provider_metrics(&self, page: &mut Page) {
        let providers: Vec<_> =
            self.site.providers().map(|own| (self.alarms.counts(own.id), self.provider_view(own))).collect();
        let help = "Frames that the guard kept from the provider, by cause, as far as a switch told of them.";
        let mut refused = page.family(Kind::Counter, "buoy_guard_refused_frames_total", help);
        for (counts, own) in &providers {
            for reason in [DropReason::UnregisteredMac, DropReason::UnregisteredArpSender] {
                let cause: &dyn Display = &reason.word();
                refused.sample(&[("provider", &own.name), ("cause", cause)], counts.refused_for(reason));
            }
        }
        let mut family = |kind, name, help, value: &dyn Fn(&ProviderView) -> Option<u64>| {
            let mut family = page.family(kind, name, help);
            for (_, own) in &providers {
                if let Some(value) = value(own) {
                    family.sample(&[("provider", &own.name)], value);
                }
            }
        };
        use Kind::{Counter, Gauge};
        let help = "Claims of our addresses by others in ARP, as far as a switch told of them.";
        family(Counter, "buoy_address_conflicts_total", help, &|own| Some(own.conflicts));
        let help = "Questions by ARP that the daemon has asked.";
        family(Counter, "buoy_arp_requests_total", help, &|own| Some(own.arp_requests_sent));
        let help = "Seconds since the gateway was last heard.";
        family(Gauge, "buoy_gateway_age_seconds", help, &|own| own.gateway_age_s);
        let help = "1 for the state that the provider's gateway is in.";
        let mut states = page.family(Kind::Gauge, "buoy_gateway_state", help);
        for (_, own) in &providers {
            let Some(now) = &own.gateway_state else { continue };
            for state in ["static", "resolved", "probing", "failed"] {
                states.sample(&[("provider", &own.name), ("state", &state)], (now == state).into());
            }
        }
    }
}

fn drop_metrics(page: &mut Page, dropped: &Dropped) {
    for (name, help, value) in [
        ("buoy_dropped_packets_total", "Packets that a bridge dropped, by table and reason.", true),
        ("buoy_dropped_bytes_total", "Bytes of packets that a bridge dropped, by table and reason.", false),
    ] {
        let mut family = page.family(Kind::Counter, name, help);
        for ((bridge, table, reason), row) in dropped {
            let Some(reason) = DropReason::of((*reason).into()) else { continue };
            let table: &dyn Display =
                row.table_name.as_ref().map_or(table as &dyn Display, |name| name as &dyn Display);
            let labels: [(&str, &dyn Display); 3] = [("bridge", bridge), ("table", table), ("reason", &reason.word())];
            family.sample(&labels, if value { row.packets } else { row.bytes });
        }
    }
}
