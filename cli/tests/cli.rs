//! Help, listings and errors, as transcripts in `tests/cmd`.

#[test]
fn transcripts() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}
