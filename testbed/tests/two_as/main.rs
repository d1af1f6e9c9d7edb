//! A server at two providers with different policies, and two tenants with the same addresses inside. Both providers
//! police: a scenario passes only if neither had to refuse a frame.
//!
//! `site` declares it in both forms, with both uplinks on one bridge and with a bridge for each.

mod changes;
mod replies;
mod site;
mod storms;
mod tenants;
