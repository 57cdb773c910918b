//! Words that a row must hold.

/// Words that a row must hold, all of them, in any case and any column. `tag:t7` looks into the column `tag` alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    text: String,
}

impl Filter {
    /// A filter from what was typed.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether every row passes.
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// Whether all words are in that text, for lists whose rows have no columns.
    pub fn is_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.text.split_whitespace().all(|word| text.contains(&word.to_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{MapRow, MapState};

    fn row() -> MapRow {
        MapRow {
            machine: "host0".into(),
            map: "host0/m12".into(),
            tag: "host0/t7".into(),
            session: Some("s3".into()),
            uid: Some(1000),
            state: MapState::Loaded,
            bytes: 8192,
            segments: 2,
            bounce_pages: 7,
            age_ns: 1_500_000,
        }
    }

    #[test]
    fn all_words_must_be_found() {
        let check = |text: &str, expected: bool| {
            assert_eq!(Filter::new(text).finder::<MapRow>().matches(&row()), expected, "{text:?}");
        };
        check("", true);
        check("   ", true);
        check("m12", true);
        check("M12 LOADED", true);
        check("m12 deferred", false);
        check("8.00 kib", true);
        check("map:m12", true);
        check("tag:m12", false);
        check("MAP:M1 state:load", true);
        check("bounce_pages:7", true);
        check("bounce_pages:8", false);
        check("colour:red", false);
        check("t7s3", false);
    }

    #[test]
    fn words_in_a_text() {
        assert!(Filter::new("Map waits").is_in("the map vm1/m3 WAITS"));
        assert!(!Filter::new("map loaded").is_in("the map vm1/m3 waits"));
        assert!(Filter::default().is_in(""));
    }
}
