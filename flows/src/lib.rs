//! What a switch must do to serve floating IPs: the OpenFlow codec, the flow model, the pipeline and the diff.
//!
//! Nothing here does I/O or reads a clock. Read in this order: [`openflow`].

pub mod openflow;
