//! Words looked for in decisions.

use crate::frame::Decision;
use crate::list::Filter;
use crate::words;
use memchr::memmem::Finder;

/// A filter, made ready for decisions. `map:m5` looks into the map alone; other words look into all that is shown.
#[derive(Debug, Default)]
pub(super) struct DecisionFinder {
    words: Vec<Word>,
    /// What was last looked into, kept for its memory.
    text: String,
}

#[derive(Debug)]
struct Word {
    place: Place,
    lower: Finder<'static>,
}

/// Where a word is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Anywhere,
    Kind,
    Machine,
    Session,
    Map,
    Tag,
}

impl DecisionFinder {
    /// Looks for all words of a filter.
    pub(super) fn new(filter: &Filter) -> Self {
        let words = filter.text().split_whitespace().map(|word| {
            let (place, word) = place_of(word);
            Word { place, lower: Finder::new(word.to_lowercase().as_bytes()).into_owned() }
        });
        Self { words: words.collect(), text: String::new() }
    }

    /// Whether all words are there.
    pub(super) fn matches(&mut self, decision: &Decision) -> bool {
        if self.words.iter().any(|word| word.place == Place::Anywhere) {
            write_lower(&mut self.text, decision);
        }
        self.words.iter().all(|word| {
            let name =
                |name: Option<&str>| name.is_some_and(|name| word.lower.find(name.to_lowercase().as_bytes()).is_some());
            match word.place {
                Place::Anywhere => word.lower.find(self.text.as_bytes()).is_some(),
                Place::Kind => name(Some(decision.what.kind().name())),
                Place::Machine => name(Some(&decision.machine)),
                Place::Session => name(decision.session.as_deref()),
                Place::Map => name(decision.map.as_deref()),
                Place::Tag => name(decision.tag.as_deref()),
            }
        })
    }
}

fn place_of(word: &str) -> (Place, &str) {
    let places = [
        ("kind", Place::Kind),
        ("machine", Place::Machine),
        ("session", Place::Session),
        ("map", Place::Map),
        ("tag", Place::Tag),
    ];
    let of_place = word.split_once(':').and_then(|(named, rest)| {
        let (_, place) = places.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(named))?;
        Some((place, rest))
    });
    of_place.unwrap_or((Place::Anywhere, word))
}

/// All that is shown, in lower case, a part a line, so that no word is found across two of them.
fn write_lower(text: &mut String, decision: &Decision) {
    text.clear();
    let names = [Some(&decision.machine), decision.session.as_ref(), decision.map.as_ref(), decision.tag.as_ref()];
    for name in names.into_iter().flatten() {
        text.push_str(name);
        text.push('\n');
    }
    text.push_str(decision.what.kind().name());
    text.push('\n');
    words::write_sentence(text, &decision.what);
    if text.is_ascii() {
        text.make_ascii_lowercase();
    } else {
        *text = text.to_lowercase();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::What;
    use crate::views::fixtures;

    #[test]
    fn all_words_must_be_there() {
        let decision = fixtures::decision(0, "vm1/m12", What::Resumed { waited_ns: 1500 });
        let check = |text: &str, expected| {
            assert_eq!(DecisionFinder::new(&Filter::new(text)).matches(&decision), expected, "{text}");
        };
        check("", true);
        check("M12 GOES", true);
        check("1.50 µs", true);
        check("m12 waits", false);
        check("kind:resum map:m12", true);
        check("MAP:M12 Kind:RESUM", true);
        check("kind:m12", false);
        check("maps:m12", false);
        check("tag:m12", false);
        check("session:S1 machine:vm1", true);
        check("s1vm1", false);
    }
}
