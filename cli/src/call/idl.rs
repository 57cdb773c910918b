//! Parts of an interface's description, in its own words.

use std::collections::BTreeSet;

/// What a method takes and replies, then the types it is made of, in the order of the description.
pub(super) fn excerpt(description: &str, method: &str) -> String {
    let members = members(description);
    let Some(wanted) = members.iter().find(|member| member.keyword == "method" && member.name == method) else {
        return String::new();
    };
    let mut needed = BTreeSet::new();
    let mut unseen = vec![wanted];
    while let Some(member) = unseen.pop() {
        for (at, other) in members.iter().enumerate() {
            if other.keyword == "type" && member.names(other.name) && needed.insert(at) {
                unseen.push(other);
            }
        }
    }
    let types = needed.into_iter().map(|at| &members[at]);
    let parts: Vec<_> = std::iter::once(wanted).chain(types).map(Member::text).collect();
    parts.join("\n")
}

/// The first sentence of what is said of a method, without its full stop.
pub(super) fn summary(description: &str, method: &str) -> String {
    let members = members(description);
    let Some(member) = members.iter().find(|member| member.keyword == "method" && member.name == method) else {
        return String::new();
    };
    let comments = member.lines.iter().filter_map(|line| line.strip_prefix('#')).map(str::trim);
    let words = comments.collect::<Vec<_>>().join(" ");
    let end = words.find(". ").map_or(words.len(), |end| end + 1);
    words[..end].trim_end_matches('.').to_owned()
}

/// A method, type or error with the comments above it.
struct Member<'d> {
    keyword: &'d str,
    name: &'d str,
    lines: Vec<&'d str>,
}

impl Member<'_> {
    fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }

    /// Whether the name is a word of its code.
    fn names(&self, name: &str) -> bool {
        let code = self.lines.iter().map(|line| line.split('#').next().unwrap_or(line));
        let mut words = code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
        words.any(|word| word == name)
    }
}

/// The members of a description: each begins at a keyword, behind its comments, and ends before the comments of the
/// next.
fn members(description: &str) -> Vec<Member<'_>> {
    let mut members: Vec<Member<'_>> = Vec::new();
    let mut comments = Vec::new();
    for line in description.lines() {
        let begins = ["method ", "type ", "error ", "interface "].into_iter().find(|keyword| line.starts_with(keyword));
        if let Some(keyword) = begins {
            let name = line[keyword.len()..].split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
            let lines = comments.drain(..).chain([line]).collect();
            members.push(Member { keyword: keyword.trim_end(), name: name.unwrap_or_default(), lines });
        } else if line.starts_with('#') {
            comments.push(line);
        } else if !line.is_empty()
            && let Some(member) = members.last_mut()
        {
            member.lines.append(&mut comments);
            member.lines.push(line);
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESCRIPTION: &str = "\
# An interface.
interface org.example.Pages

# A page. Not a Book.
type Page (
  # Its words.
  words: []Word
)

type Word (text: string)

type Book (pages: []Page)

# Turns a page. Slowly.
#
# Really.
method Turn(page: Page) -> ()

method Close() -> ()

error Torn (page: Page)
";

    #[test]
    fn a_method_comes_with_its_types() {
        let turn = "# Turns a page. Slowly.\n#\n# Really.\nmethod Turn(page: Page) -> ()\n";
        let page = "# A page. Not a Book.\ntype Page (\n  # Its words.\n  words: []Word\n)\n";
        let word = "type Word (text: string)\n";
        assert_eq!(excerpt(DESCRIPTION, "Turn"), format!("{turn}\n{page}\n{word}"));
        assert_eq!(excerpt(DESCRIPTION, "Close"), "method Close() -> ()\n");
        assert_eq!(excerpt(DESCRIPTION, "Burn"), "");
    }

    #[test]
    fn the_first_sentence_sums_up() {
        assert_eq!(summary(DESCRIPTION, "Turn"), "Turns a page");
        assert_eq!(summary(DESCRIPTION, "Close"), "");
    }
}
