use super::*;
use crate::fields::MAP_FIELDS;
use crate::frame::{Frame, MapRow};
use crate::views::fixtures;

fn frame(t_ns: u64) -> Frame {
    Frame { t_ns, ..fixtures::empty() }
}

fn seen(frame: &Frame) -> Seen<'_> {
    Seen { frame, machine: None }
}

fn map(number: u32, bytes: u64, tag: &str) -> MapRow {
    MapRow { tag: tag.into(), bytes, ..fixtures::map("vm1", number) }
}

fn field(name: &str) -> usize {
    MAP_FIELDS.iter().position(|field| field.name == name).unwrap()
}

fn shown(list: &ListState, rows: &Rows<'_, MapRow>) -> Vec<String> {
    (0..list.shown).map(|place| rows.get(list.source_index(place).unwrap()).unwrap().map[5..].to_owned()).collect()
}

#[test]
fn sort_filter_and_ties() {
    let maps = [map(1, 30, "b"), map(2, 10, "a"), map(3, 30, "a"), map(4, 20, "b")];
    let rows = Rows::of([maps.as_slice()]);
    let frame = frame(1);
    let check = |sort: Option<(&str, SortWay)>, filter: &str, expected: &[&str]| {
        let sort = sort.map(|(name, way)| Sort { field: field(name), way });
        let mut list = ListState { sort, filter: Filter::new(filter), ..ListState::default() };
        list.arrange(seen(&frame), &rows, 10);
        let expected: Vec<_> = expected.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(shown(&list, &rows), expected, "{sort:?} {filter}");
        assert_eq!(list.listed, 4);
    };
    check(None, "", &["1", "2", "3", "4"]);
    check(Some(("bytes", SortWay::Ascending)), "", &["2", "4", "1", "3"]);
    check(Some(("bytes", SortWay::Descending)), "", &["1", "3", "4", "2"]);
    check(Some(("tag", SortWay::Ascending)), "", &["2", "3", "1", "4"]);
    check(Some(("bytes", SortWay::Descending)), "tag:b", &["1", "4"]);
    check(None, "nothing of it", &[]);
}

#[test]
fn the_cursor_is_clamped_and_the_screen_goes_with_it() {
    let maps: Vec<_> = (0..100).map(|number| map(number, 0, "a")).collect();
    let rows = Rows::of([maps.as_slice()]);
    let frame = frame(1);
    let mut list = ListState::default();
    list.arrange(seen(&frame), &rows, 10);
    let mut check = |act: fn(&mut ListState), cursor: usize, top: usize| {
        act(&mut list);
        assert_eq!((list.cursor, list.top), (cursor, top));
    };
    check(|list| list.up(1), 0, 0);
    check(|list| list.down(9), 9, 0);
    check(|list| list.down(1), 10, 1);
    check(ListState::page_down, 19, 10);
    check(ListState::last, 99, 90);
    check(|list| list.down(1), 99, 90);
    check(ListState::page_up, 90, 90);
    check(|list| list.up(1), 89, 89);
    check(ListState::first, 0, 0);
    check(ListState::page_up, 0, 0);
}

#[test]
fn an_empty_list_has_no_row_under_the_cursor() {
    let mut list = ListState::default();
    list.arrange::<MapRow>(seen(&frame(1)), &Rows::of([]), 10);
    list.last();
    list.page_down();
    assert_eq!((list.cursor, list.top, list.source_index(0)), (0, 0, None));
}

#[test]
fn the_cursor_follows_its_row_but_stays_at_the_top() {
    let before: Vec<_> = (10..40).map(|number| map(number, 0, "a")).collect();
    let after: Vec<_> = (5..40).map(|number| map(number, 0, "a")).collect();
    let (first, second) = (frame(1), frame(2));
    let check = |place: usize, detail: Detail, expected: &str| {
        let mut list = ListState { detail, ..ListState::default() };
        let rows = Rows::of([before.as_slice()]);
        list.arrange(seen(&first), &rows, 10);
        list.select(place);
        list.arrange(seen(&first), &rows, 10);
        let rows = Rows::of([after.as_slice()]);
        list.arrange(seen(&second), &rows, 10);
        assert_eq!(list.selected(&rows).unwrap().map, expected);
        assert!(list.top <= list.cursor && list.cursor < list.top + 10);
    };
    check(0, Detail::Closed, "vm1/m5");
    check(0, Detail::Open, "vm1/m10");
    check(7, Detail::Closed, "vm1/m17");
    check(29, Detail::Closed, "vm1/m39");
}

#[test]
fn the_cursor_follows_a_row_of_any_type() {
    let row = |object, kind| Identity { machine: "vm1", object, number: 0, kind };
    let before = [row("m1", "leak"), row("m2", "leak"), row("m2", "waits"), row("m3", "leak")];
    let after = [row("m2", "waits"), row("m0", "leak"), row("m1", "leak"), row("m2", "leak")];
    let check = |place: usize, detail: Detail, expected: usize| {
        let mut list = ListState { detail, ..ListState::default() };
        list.keep(before.iter().copied(), 10);
        list.select(place);
        list.keep(before.iter().copied(), 10);
        list.keep(after.iter().copied(), 10);
        assert_eq!((list.cursor, list.shown), (expected, 4), "{place} {detail:?}");
        list.keep(after.iter().take(1).copied(), 10);
        assert_eq!((list.cursor, list.shown), (0, 1), "{place} {detail:?}");
    };
    check(0, Detail::Closed, 0);
    check(0, Detail::Open, 2);
    check(1, Detail::Closed, 3);
    check(2, Detail::Closed, 0);
    check(3, Detail::Closed, 3);
}

#[test]
fn columns_are_sorted_by_in_turn() {
    let columns = [field("map"), field("bytes")];
    let first = Sort::next::<MapRow>(None, &columns);
    assert_eq!(first, Some(Sort { field: field("map"), way: SortWay::Ascending }));
    let second = Sort::next::<MapRow>(first, &columns);
    assert_eq!(second, Some(Sort { field: field("bytes"), way: SortWay::Descending }));
    assert_eq!(Sort::next::<MapRow>(second, &columns), None);
    assert_eq!(Sort::next::<MapRow>(None, &[]), None);
}

/// Names with a beginning in common, some longer than what ranks hold; numbers with many equals; sessions that are not
/// known.
fn many() -> Vec<MapRow> {
    let row = |number: u32| {
        let scattered = number.wrapping_mul(2_654_435_761) >> 16;
        let mut row = map(scattered, u64::from(scattered % 97), "vm1/tag");
        if scattered.is_multiple_of(3) {
            row.tag = format!("vm1/tag-with-a-long-name-{}", scattered % 50).into();
        }
        row.session = (!scattered.is_multiple_of(5)).then(|| format!("s{}", scattered % 11).into());
        row.age_ns = u64::MAX - u64::from(scattered);
        row
    };
    (0..3000).map(row).collect()
}

#[test]
fn wherever_the_screen_is_its_rows_are_in_order() {
    let maps = many();
    let rows = Rows::of(maps.chunks(700));
    let frame = frame(1);
    let check = |name: &str, way: SortWay, filter: &str| {
        let field = field(name);
        let value = |index: &usize| (MAP_FIELDS[field].value)(&maps[*index]);
        let mut finder = Filter::new(filter).finder::<MapRow>();
        let mut expected: Vec<usize> = (0..maps.len()).filter(|&index| finder.matches(&maps[index])).collect();
        expected.sort_by(|a, b| match way {
            SortWay::Ascending => value(a).order(&value(b)),
            SortWay::Descending => value(b).order(&value(a)),
        });
        let sort = Some(Sort { field, way });
        let mut list = ListState { sort, filter: Filter::new(filter), ..ListState::default() };
        list.arrange(seen(&frame), &rows, 40);
        assert_eq!(list.shown, expected.len());
        for place in [0, 39, 100, 2990, 1500, 1460, 1400, 7, usize::MAX] {
            list.select(place);
            list.arrange(seen(&frame), &rows, 40);
            let range = list.top..(list.top + 40).min(list.shown);
            let shown: Vec<_> = range.clone().map(|place| list.source_index(place)).collect();
            let expected: Vec<_> = expected[range].iter().copied().map(Some).collect();
            assert_eq!(shown, expected, "{name} {way:?} {filter:?} at {place}");
        }
    };
    for name in ["map", "tag", "session", "state", "bytes", "age_ns", "uid"] {
        for way in [SortWay::Ascending, SortWay::Descending] {
            check(name, way, "");
            check(name, way, "session:s1");
        }
    }
}

#[test]
fn the_cursor_follows_its_row_through_a_sorted_list() {
    let before = many();
    let after: Vec<MapRow> = before.iter().skip(3).cloned().collect();
    let (first, second) = (frame(1), frame(2));
    for name in ["bytes", "tag"] {
        let sort = Some(Sort { field: field(name), way: SortWay::Descending });
        let mut list = ListState { sort, ..ListState::default() };
        list.arrange(seen(&first), &Rows::of([before.as_slice()]), 40);
        list.select(1234);
        list.arrange(seen(&first), &Rows::of([before.as_slice()]), 40);
        let (key, line) = (list.under_cursor.clone().unwrap(), list.cursor - list.top);
        let rows = Rows::of([after.as_slice()]);
        list.arrange(seen(&second), &rows, 40);
        assert!(key.is(list.selected(&rows).unwrap().identity()), "{name}");
        assert_eq!(list.cursor - list.top, line, "{name}");
    }
}
