//! Which columns there is room for.

use super::Field;

/// Columns of the screen between two fields.
pub(crate) const GAP: u16 = 2;

/// Indices of the fields that fit into `width` columns, in the table's order: as long as there is too little room, the
/// field with the highest [`Field::drops`] goes, of several the one most to the right. Fields that `hidden` names are
/// never shown, the one at index `keep` always is, and so are those that never drop, even where they do not fit.
pub fn fit<R>(fields: &[Field<R>], hidden: &[&str], keep: Option<usize>, width: u16) -> Vec<usize> {
    let shown = |at: &usize| keep == Some(*at) || !hidden.contains(&fields[*at].name);
    let mut chosen: Vec<usize> = (0..fields.len()).filter(shown).collect();
    while fields_width(fields, &chosen) > width {
        let droppable = |&(_, at): &(usize, usize)| fields[at].drops > 0 && keep != Some(at);
        let worst = chosen.iter().copied().enumerate().filter(droppable).max_by_key(|&(_, at)| fields[at].drops);
        match worst {
            Some((place, _)) => chosen.remove(place),
            None => break,
        };
    }
    chosen
}

/// Columns of the screen that the fields of these indices take.
pub(crate) fn fields_width<R>(fields: &[Field<R>], chosen: &[usize]) -> u16 {
    let widths: u16 = chosen.iter().map(|&at| fields[at].width + GAP).sum();
    widths.saturating_sub(GAP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::MAP_FIELDS;

    fn names(width: u16, keep: Option<&str>, hidden: &[&str]) -> Vec<&'static str> {
        let keep = keep.and_then(|name| MAP_FIELDS.iter().position(|field| field.name == name));
        fit(&MAP_FIELDS, hidden, keep, width).into_iter().map(|at| MAP_FIELDS[at].name).collect()
    }

    #[test]
    fn columns_go_by_priority_as_the_room_shrinks() {
        let mut before = names(200, None, &[]);
        assert_eq!(before.len(), MAP_FIELDS.len());
        for width in (0..200).rev() {
            let now = names(width, None, &[]);
            assert!(now.iter().all(|name| before.contains(name)), "at {width} a column came back: {now:?}");
            before = now;
        }
        assert_eq!(before, ["map", "age_ns", "bounce_pages"]);
    }

    #[test]
    fn the_column_that_is_sorted_by_stays_and_hidden_ones_never_come() {
        assert!(names(10, Some("uid"), &[]).contains(&"uid"));
        assert!(!names(200, None, &["machine"]).contains(&"machine"));
    }
}
