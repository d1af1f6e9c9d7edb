//! Meters.

use std::fmt;

use super::Hex;
use crate::openflow::meter_features::MeterFeatures;
use crate::openflow::meter_mod::{MeterBand, MeterCommand, MeterFlags, MeterMod};

/// What is done to a meter.
pub(super) struct Metered<'a>(pub(super) &'a MeterMod);

impl fmt::Display for Metered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MeterMod { command, flags, id, bands } = self.0;
        f.write_str(match command {
            MeterCommand::Add => "ADD",
            MeterCommand::Modify => "MOD",
            MeterCommand::Delete => "DEL",
        })?;
        match id {
            0xffff_fffd => f.write_str(" meter=slowpath")?,
            0xffff_fffe => f.write_str(" meter=controller")?,
            0xffff_ffff => f.write_str(" meter=all")?,
            id => write!(f, " meter={id}")?,
        }
        let mut rest = flags.0;
        for (flag, name) in FLAGS {
            if rest & flag.0 != 0 {
                write!(f, " {name}")?;
                rest &= !flag.0;
            }
        }
        if rest != 0 {
            write!(f, " flags:{rest:#x}")?;
        }
        f.write_str(" bands=")?;
        bands.iter().try_for_each(|band| match band {
            MeterBand::Drop { rate, burst } => {
                write!(f, "\ntype=drop rate={rate}")?;
                if flags.0 & MeterFlags::BURST.0 == 0 { Ok(()) } else { write!(f, " burst_size={burst}") }
            }
            MeterBand::Other(kind, body) => write!(f, "\ntype={kind} {}", Hex(body)),
        })
    }
}

const FLAGS: [(MeterFlags, &str); 4] = [
    (MeterFlags::KBPS, "kbps"),
    (MeterFlags::PKTPS, "pktps"),
    (MeterFlags::BURST, "burst"),
    (MeterFlags::STATS, "stats"),
];

/// What meters can do.
pub(super) struct Abilities<'a>(pub(super) &'a MeterFeatures);

impl fmt::Display for Abilities<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MeterFeatures { max_meter, band_types, capabilities, max_bands, max_color } = self.0;
        write!(f, "\nmax_meter:{max_meter} max_bands:{max_bands} max_color:{max_color}")?;
        write!(f, "\nband_types:{band_types:#x} capabilities:{capabilities:#x}")
    }
}
