//! What a switch must do to serve floating IPs: the OpenFlow codec, the flow model and the pipeline.
//!
//! Nothing here does I/O or reads a clock. Read in this order: [`flow`] (what a flow is and whose), [`pipeline`] (from
//! what exists to flows), [`openflow`] (how flows go over the wire), [`legacy`] (the same for OpenFlow 1.0), [`icmp`] (what
//! no flow can do), [`simulate`] (what flows do with a packet).

pub mod flow;
pub mod icmp;
pub mod legacy;
pub mod openflow;
pub mod pipeline;
pub mod simulate;
