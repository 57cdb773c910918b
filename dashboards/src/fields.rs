//! The field table: every column's name, unit, width and precision, for screen, text and JSON alike.
//!
//! A table of the screen is a list of [`Field`]s over one row type. The screen shows [`Value::screen`], a filter looks into
//! the same text, sorting goes by [`Value::order`], and JSON holds [`Value::json`] under [`Field::name`].

mod finding;
mod fit;
mod host;
mod latency;
mod machine;
mod row;
mod value;
mod zone;

pub use finding::FINDING_FIELDS;
pub use fit::fit;
pub(crate) use fit::{GAP, fields_width};
pub use host::{DEVICE_FIELDS, POOL_FIELDS};
pub use latency::DISTRIBUTION_FIELDS;
pub use machine::{MAP_FIELDS, TAG_FIELDS, WAITER_FIELDS};
pub use row::{Identity, Row, RowKey};
pub use value::{Unit, Value};
pub use zone::ZONE_FIELDS;

use compact_str::CompactString;

/// One column over rows of type `R`.
#[derive(Debug)]
pub struct Field<R> {
    /// Its name in JSON, in filters of one field and in files of settings: as `org.busdma.Monitor` spells it.
    pub name: &'static str,
    /// Its heading on the screen, a few letters.
    pub heading: &'static str,
    /// What it says, one line, for help.
    pub meaning: &'static str,
    /// What its numbers count.
    pub unit: Unit,
    /// Columns of the screen that it takes.
    pub width: u16,
    /// Which columns go first where the screen is narrow: the highest; those with 0 always stay.
    pub drops: u8,
    /// What a row says.
    pub value: fn(&R) -> Value<'_>,
}

impl<R> Field<R> {
    /// What a row says, as the screen shows it; empty where nothing is known.
    pub fn screen(&self, row: &R) -> CompactString {
        (self.value)(row).screen(self.unit)
    }
}

/// A line of a table: its name, how it stands on the screen (heading, width, how early it drops), and what it says.
const fn field<R>(
    name: &'static str,
    (heading, width, drops): (&'static str, u16, u8),
    unit: Unit,
    value: fn(&R) -> Value<'_>,
    meaning: &'static str,
) -> Field<R> {
    Field { name, heading, meaning, unit, width, drops, value }
}

/// A row as a JSON object: its fields by name, in the table's order, those of which nothing is known left out.
pub fn object<R>(fields: &[Field<R>], row: &R) -> serde_json::Map<String, serde_json::Value> {
    let known = |field: &Field<R>| match (field.value)(row) {
        Value::Absent => None,
        value => Some((field.name.to_owned(), value.json(field.unit))),
    };
    fields.iter().filter_map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<R>(table: &str, fields: &[Field<R>]) {
        let mut names: Vec<_> = fields.iter().map(|field| field.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), fields.len(), "{table}: two fields of one name");
        assert!(fields.iter().any(|field| field.drops == 0), "{table}: nothing stays on a narrow screen");
        for field in fields {
            let heading = field.heading.chars().count();
            assert!(heading <= usize::from(field.width), "{table}.{}: its heading is wider than it", field.name);
            assert!(!field.meaning.ends_with('.') && !field.meaning.is_empty(), "{table}.{}", field.name);
            assert!(
                field.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
                "{table}.{}",
                field.name
            );
        }
    }

    #[test]
    fn every_table_is_in_order() {
        check("zones", &ZONE_FIELDS);
        check("waiters", &WAITER_FIELDS);
        check("maps", &MAP_FIELDS);
        check("tags", &TAG_FIELDS);
        check("findings", &FINDING_FIELDS);
        check("devices", &DEVICE_FIELDS);
        check("pool", &POOL_FIELDS);
        check("latency", &DISTRIBUTION_FIELDS);
    }
}
