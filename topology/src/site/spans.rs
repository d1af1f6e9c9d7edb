//! A set of addresses that takes one more or one less in the same time however many there are.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::Span;

/// Spans that neither overlap nor touch: the last address by the first one.
#[derive(Clone, Debug, Default)]
pub(super) struct Spans(BTreeMap<u32, u32>);

impl Spans {
    /// Adds a span, merging what it overlaps or touches.
    pub(super) fn insert(&mut self, span: Span) {
        let (mut first, mut last) = (span.first.to_bits(), span.last.to_bits());
        while let Some((own, end)) = self.0.range(..=last.saturating_add(1)).next_back().map(|(own, end)| (*own, *end))
        {
            if end.saturating_add(1) < first {
                break;
            }
            self.0.remove(&own);
            first = first.min(own);
            last = last.max(end);
        }
        self.0.insert(first, last);
    }

    /// Takes the addresses of a span out, splitting what it cuts.
    pub(super) fn remove(&mut self, span: Span) {
        let (first, last) = (span.first.to_bits(), span.last.to_bits());
        while let Some((own, end)) = self.0.range(..=last).next_back().map(|(own, end)| (*own, *end)) {
            if end < first {
                break;
            }
            self.0.remove(&own);
            if end > last {
                self.0.insert(last + 1, end);
            }
            if own < first {
                self.0.insert(own, first - 1);
            }
        }
    }

    /// The addresses in ascending order.
    pub(super) fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.0.iter().flat_map(|(first, last)| *first..=*last).map(Ipv4Addr::from_bits)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_holds_what_was_put_in_and_not_taken_out(
            steps in proptest::collection::vec((any::<bool>(), 0_u32..40, 0_u32..12), 0..60),
            high in any::<bool>(),
        ) {
            let base = if high { u32::MAX - 60 } else { 0 };
            let (mut spans, mut model) = (Spans::default(), BTreeSet::new());
            for (add, first, more) in steps {
                let first = base + first;
                let all = (first..=first + more).map(Ipv4Addr::from_bits);
                let span = Span { first: first.into(), last: (first + more).into() };
                if add {
                    spans.insert(span);
                    model.extend(all);
                } else {
                    spans.remove(span);
                    all.for_each(|own| { model.remove(&own); });
                }
                prop_assert!(spans.addresses().eq(model.iter().copied()));
                let apart = spans.0.iter().zip(spans.0.keys().skip(1)).all(|((_, last), next)| last + 1 < *next);
                prop_assert!(apart, "{:?}", spans);
            }
        }
    }
}
