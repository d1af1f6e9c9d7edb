//! OpenFlow 1.3 with the Nicira and ONF extensions that Open vSwitch speaks.
