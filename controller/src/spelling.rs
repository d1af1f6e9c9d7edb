//! What was probably meant by a word that is not known.

/// The known word that is nearest, if few letters have to be put in, taken out, changed or swapped.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.into_iter().map(|own| (strsim::osa_distance(word, own), own)).min()?;
    // Of a short word more than half would be another one.
    (near.0 <= 3 && near.0 * 2 <= word.chars().count().max(2)).then_some(near.1)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["gateway", "gateway_mac", "ip", "port"];
        for (word, meant) in [("gatewy", Some("gateway")), ("prot", Some("port")), ("i", Some("ip")), ("bridge", None)]
        {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }
}
