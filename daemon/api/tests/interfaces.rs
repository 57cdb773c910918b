//! The checked-in interface files are what the service answers, and Varlink's grammar takes them.
//!
//! `INTERFACES=overwrite cargo test -p busdma-api --test interfaces` writes them anew.

use busdma_api::interface;
use busdma_api::service::Interface;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn file(interface: Interface) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("interfaces").join(format!("{}.varlink", interface.name()))
}

#[test]
fn files_are_the_descriptions() {
    for interface in Interface::ALL {
        let path = file(interface);
        let description = interface.description();
        if std::env::var("INTERFACES").as_deref() == Ok("overwrite") {
            fs::write(&path, &description).expect("the file can be written");
        }
        let checked_in = fs::read_to_string(&path).expect("the file is checked in");
        assert!(checked_in == description, "{} differs from its types; see this file's head", path.display());
    }
}

#[test]
fn descriptions_parse_and_name_everything_they_use() {
    for interface in Interface::ALL {
        let description = interface.description();
        let parsed = interface::parse(&description).expect("a description");
        assert_eq!(parsed.name().as_str(), interface.name());
        let mut names = BTreeSet::new();
        let members = parsed.methods().map(|method| method.name().as_str());
        let members = members.chain(parsed.custom_types().map(|custom| custom.name().as_str()));
        for name in members.chain(parsed.errors().map(|error| error.name().as_str())) {
            assert!(names.insert(name.to_owned()), "{name} stands twice in {}", interface.name());
        }
        for word in description.split(|c: char| !c.is_alphanumeric() && c != '.').filter(|word| is_type(word)) {
            let declared =
                names.contains(word) || description.contains(&format!("# {word}")) || in_comment(&description, word);
            assert!(declared, "{} uses the undeclared type {word}", interface.name());
        }
    }
}

fn is_type(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().any(|c| c.is_ascii_lowercase())
}

fn in_comment(description: &str, word: &str) -> bool {
    let code = description.lines().filter(|line| !line.trim_start().starts_with('#'));
    !code.into_iter().any(|line| line.split(|c: char| !c.is_alphanumeric()).any(|part| part == word))
}
