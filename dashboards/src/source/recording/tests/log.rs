//! The log of decisions ends at the moment, whatever is between the operations.

use super::traffic::hour;
use super::{at, opened};
use crate::source::Moment;

#[test]
fn lines_that_are_no_operations_do_not_shift_it() {
    let text = String::from_utf8(hour(Vec::new(), 3000)).unwrap();
    let (_folder, mut whole) = opened(text.as_bytes());
    let mut check = |name: &str, line: usize, garbage: &str| {
        let place = text.match_indices('\n').nth(line).unwrap().0 + 1;
        let damaged = format!("{}{}{}", &text[..place], garbage.repeat(40), &text[place..]);
        let (_folder, mut recording) = opened(damaged.as_bytes());
        for share in [0.5, 0.75, 1.0] {
            let expected = at(&mut whole, Moment::Share(share)).decisions.clone();
            assert!(expected.len() > 100);
            let found = at(&mut recording, Moment::Share(share)).decisions.clone();
            assert_eq!(found, expected, "{name} at {share}");
        }
    };
    for line in [20, 1400, 2900] {
        check("an object", line, "{\"seq\":1}\n");
        check("an operation of no kind", line, "{\"seq\":1,\"t\":1,\"op\":\"dance\",\"in\":{},\"out\":{}}\n");
        check("a header of another version", line, "{\"format\":\"busdma-trace\",\"version\":2}\n");
    }
}

#[test]
fn it_says_of_how_many_operations_it_is_where_there_were_others_before() {
    let (_folder, mut recording) = opened(&hour(Vec::new(), 3000));
    let mut of_operations = |moment| at(&mut recording, moment).decisions.of_operations();
    assert_eq!(of_operations(Moment::FromStart(0)), None);
    assert_eq!(of_operations(Moment::Share(1.0)), Some(512));
}
