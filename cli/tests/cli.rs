//! Help, listings and errors, as transcripts in `tests/cmd`.

#[test]
fn transcripts() {
    // Whoever runs the tests may have settings.
    trycmd::TestCases::new().env("XDG_CONFIG_HOME", "/nowhere").case("tests/cmd/*.trycmd");
}
