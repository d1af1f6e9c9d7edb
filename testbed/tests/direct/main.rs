//! Direct ports: stations on the provider's bridge that have provider addresses themselves.

mod forged;
mod life;
mod noise;
mod policed;
mod quiet;
mod station;
mod traffic;
mod vlan;
