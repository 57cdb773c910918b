//! What somebody most likely meant.

/// The least likeness, from 0 to 1, at which a word is suggested for another.
const LIKENESS_MIN: f64 = 0.7;

/// The candidate that `word` most likely means, when one is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|&(likeness, _)| likeness > LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

/// ` (did you mean …?)` or nothing, for messages that go on.
pub fn parenthesised(nearest: Option<&String>) -> String {
    nearest.map_or_else(String::new, |word| format!(" (did you mean `{word}`?)"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let check = |word, expected: Option<&str>| {
            assert_eq!(nearest(word, ["alignment", "boundary", "maxsize"]).as_deref(), expected, "{word}");
        };
        check("algnment", Some("alignment"));
        check("maxsz", Some("maxsize"));
        check("zzz", None);
        check("", None);
    }
}
