//! Labs of network namespaces around a private, real Open vSwitch.

fn main() {}
