//! Address ranges as an admin writes them, and the set of addresses that a pool is.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One range as written: `198.51.100.0/28`, `198.51.100.4-198.51.100.9` or `198.51.100.4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RangeSpec {
    /// A CIDR block, without host bits.
    Block(Ipv4Net),
    /// First and last address, both included.
    Span(Ipv4Addr, Ipv4Addr),
}

impl RangeSpec {
    /// The addresses that the range stands for. A block wider than /31 leaves out its network and broadcast address
    /// unless `all` is set, as for a block that the provider routes.
    pub fn span(self, all: bool) -> Span {
        match self {
            Self::Span(first, last) => Span { first, last },
            Self::Block(block) if all || block.prefix_len() >= 31 => {
                Span { first: block.network(), last: block.broadcast() }
            }
            Self::Block(block) => Span {
                first: Ipv4Addr::from_bits(block.network().to_bits() + 1),
                last: Ipv4Addr::from_bits(block.broadcast().to_bits() - 1),
            },
        }
    }
}

impl FromStr for RangeSpec {
    type Err = ParseRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParseRangeError::Form { text: text.to_owned() };
        if let Some((first, last)) = text.split_once('-') {
            let first: Ipv4Addr = first.trim().parse().map_err(|_| fail())?;
            let last: Ipv4Addr = last.trim().parse().map_err(|_| fail())?;
            if first > last {
                return Err(ParseRangeError::Backwards { first, last });
            }
            return Ok(Self::Span(first, last));
        }
        if text.contains('/') {
            let block: Ipv4Net = text.parse().map_err(|_| fail())?;
            if block.trunc() != block {
                return Err(ParseRangeError::HostBits { block, network: block.trunc() });
            }
            return Ok(Self::Block(block));
        }
        let address = text.parse().map_err(|_| fail())?;
        Ok(Self::Span(address, address))
    }
}

impl TryFrom<String> for RangeSpec {
    type Error = ParseRangeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for RangeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Block(block) => block.fmt(f),
            Self::Span(first, last) => Span { first, last }.fmt(f),
        }
    }
}

impl From<RangeSpec> for String {
    fn from(range: RangeSpec) -> Self {
        range.to_string()
    }
}

/// Consecutive addresses, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// The lowest address.
    pub first: Ipv4Addr,
    /// The highest address, not below the first.
    pub last: Ipv4Addr,
}

impl Span {
    /// Whether the address lies in the span.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }

    /// Whether the two spans share an address.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// How many addresses it has.
    pub fn size(&self) -> u64 {
        u64::from(self.last.to_bits()) - u64::from(self.first.to_bits()) + 1
    }

    /// The fewest CIDR blocks that cover exactly this span.
    pub fn blocks(&self) -> impl Iterator<Item = Ipv4Net> + use<> {
        ipnet::Ipv4Subnets::new(self.first, self.last, 0)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { self.first.fmt(f) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

/// A set of addresses, kept as sorted spans that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AddressSet(Vec<Span>);

impl AddressSet {
    /// The spans in ascending order.
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// Whether the address is in the set.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.span_of(address).is_some()
    }

    /// The first span of the set that shares an address with this one.
    pub fn overlap(&self, span: Span) -> Option<Span> {
        let from = self.0.partition_point(|own| own.last < span.first);
        self.0.get(from).copied().filter(|own| own.overlaps(&span))
    }

    /// How many addresses are in the set.
    pub fn size(&self) -> u64 {
        self.0.iter().map(Span::size).sum()
    }

    /// Adds a span, merging what it overlaps or touches.
    pub fn insert(&mut self, span: Span) {
        let Span { mut first, mut last } = span;
        let after = |address: Ipv4Addr| u64::from(address.to_bits()) + 1;
        let from = self.0.partition_point(|own| after(own.last) < u64::from(first.to_bits()));
        let to = self.0.partition_point(|own| u64::from(own.first.to_bits()) <= after(last));
        if let Some([lowest, .., highest] | [lowest @ highest]) = self.0.get(from..to) {
            first = first.min(lowest.first);
            last = last.max(highest.last);
        }
        self.0.splice(from..to, [Span { first, last }]);
    }

    /// How many addresses of a span are in the set.
    pub fn covered(&self, span: Span) -> u64 {
        let from = self.0.partition_point(|own| own.last < span.first);
        let overlapping = self.0.iter().skip(from).take_while(|own| own.first <= span.last);
        overlapping.map(|own| Span { first: own.first.max(span.first), last: own.last.min(span.last) }.size()).sum()
    }

    /// Takes the addresses of a span out, splitting what it cuts.
    pub fn remove(&mut self, span: Span) {
        let cut = |own: Span| {
            let below = (own.first < span.first)
                .then(|| Span { first: own.first, last: Ipv4Addr::from_bits(span.first.to_bits() - 1) });
            let above = (own.last > span.last)
                .then(|| Span { first: Ipv4Addr::from_bits(span.last.to_bits() + 1), last: own.last });
            below.into_iter().chain(above)
        };
        let parts = self.0.drain(..).flat_map(|own| {
            let apart = (!own.overlaps(&span)).then_some(own);
            let cut = own.overlaps(&span).then(|| cut(own)).into_iter().flatten();
            apart.into_iter().chain(cut)
        });
        self.0 = parts.collect();
    }

    /// The addresses of this set that are not in another one.
    pub fn without(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        let mut others = other.0.iter().copied().peekable();
        for own in &self.0 {
            let mut first = Some(own.first);
            while let Some(next) = others.peek().copied().filter(|next| next.first <= own.last) {
                if let Some(from) = first.filter(|from| *from < next.first) {
                    rest.push(Span { first: from, last: Ipv4Addr::from_bits(next.first.to_bits() - 1) });
                }
                let after = next.last.to_bits().checked_add(1).map(Ipv4Addr::from_bits);
                first = first.zip(after).map(|(from, after)| from.max(after));
                if next.last > own.last {
                    break;
                }
                others.next();
            }
            rest.extend(first.filter(|from| *from <= own.last).map(|first| Span { first, last: own.last }));
        }
        Self(rest)
    }

    fn span_of(&self, address: Ipv4Addr) -> Option<&Span> {
        let at = self.0.partition_point(|own| own.last < address);
        self.0.get(at).filter(|own| own.contains(address))
    }
}

impl FromIterator<Span> for AddressSet {
    fn from_iter<I: IntoIterator<Item = Span>>(spans: I) -> Self {
        let mut set = Self::default();
        for span in spans {
            set.insert(span);
        }
        set
    }
}

/// Why a text is no range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseRangeError {
    /// Neither a CIDR, nor two addresses, nor one.
    #[error(
        "{text:?} is not a range: write a CIDR (198.51.100.0/28), a span (198.51.100.4-198.51.100.9) or one address"
    )]
    Form {
        /// What was given.
        text: String,
    },
    /// The first address is above the last.
    #[error("the range {first}-{last} runs backwards")]
    Backwards {
        /// As written.
        first: Ipv4Addr,
        /// As written.
        last: Ipv4Addr,
    },
    /// A CIDR whose host bits are set.
    #[error("{block} has host bits set: did you mean {network}?")]
    HostBits {
        /// As written.
        block: Ipv4Net,
        /// The block that it lies in.
        network: Ipv4Net,
    },
}

#[cfg(test)]
mod tests;
