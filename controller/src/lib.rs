//! buoyd and buoyctl.
