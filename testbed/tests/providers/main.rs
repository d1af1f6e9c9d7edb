//! Floating IPs at providers that police: whatever happens, not one frame may leave that the provider refuses.
//!
//! [`site`] declares what a customer of each provider declares; the other files are scenarios.

mod changes;
mod errors;
mod garp;
mod gateway;
mod guests;
mod host;
mod lan;
mod quiet;
mod site;
mod snat;
mod storms;
mod traffic;
mod vlan;
mod withdrawn;
