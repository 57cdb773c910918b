//! Parameters of a call: what is unknown, missing or of the wrong type is refused by name.

use busdma_api::service::ServiceError;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Reads the parameters of a call.
///
/// # Errors
/// [`ServiceError::InvalidParameter`], with the path of what is wrong.
pub(crate) fn read<'de, P: Deserialize<'de>>(parameters: Option<&'de RawValue>) -> Result<P, ServiceError> {
    let text = parameters.map_or("{}", RawValue::get);
    // A type of named fields would also be read from an array.
    if !text.starts_with('{') {
        return Err(ServiceError::InvalidParameter { parameter: "parameters".to_owned() });
    }
    serde_json::from_str(text).map_err(|error| invalid::<P>(text, &error))
}

/// Reads once more, this time watching where it goes wrong.
#[cold]
fn invalid<'de, P: Deserialize<'de>>(text: &'de str, error: &serde_json::Error) -> ServiceError {
    let mut track = serde_path_to_error::Track::new();
    let mut json = serde_json::Deserializer::from_str(text);
    let _ = P::deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track));
    let path = track.path().to_string();
    let parent = path.trim_start_matches('.');
    ServiceError::InvalidParameter { parameter: named(parent, &error.to_string()) }
}

/// The parameter that an error of serde's is about: a field it names, or the place where it was found.
fn named(parent: &str, message: &str) -> String {
    let field = ["unknown field `", "missing field `", "unknown variant `"]
        .iter()
        .find_map(|start| message.strip_prefix(start)?.split_once('`'))
        .map(|(field, _)| field);
    match (field, parent) {
        (Some(field), "") => field.to_owned(),
        (Some(field), parent) if parent.rsplit('.').next() == Some(field) => parent.to_owned(),
        (Some(field), parent) => format!("{parent}.{field}"),
        (None, "") => "parameters".to_owned(),
        (None, parent) => parent.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use busdma_api::engine::{CreateTag, Load, Submit};
    use busdma_api::service::ServiceError;
    use serde::de::DeserializeOwned;
    use serde_json::value::RawValue;

    fn check<P: DeserializeOwned>(text: &str, parameter: &str) {
        let raw = RawValue::from_string(text.to_owned()).expect("JSON");
        match read::<P>(Some(&raw)) {
            Err(ServiceError::InvalidParameter { parameter: found }) => assert_eq!(found, parameter, "{text}"),
            Ok(_) => panic!("{text} was taken"),
            Err(other) => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn names_what_is_wrong() {
        check::<CreateTag>(r#"{"colour":"blue"}"#, "colour");
        check::<CreateTag>(r#"{"template":{"lowadr":"0x1"}}"#, "template.lowadr");
        check::<CreateTag>(r#"{"template":{"lowaddr":12}}"#, "template.lowaddr");
        check::<CreateTag>(r#"{"template":{"lowaddr":"12"}}"#, "template.lowaddr");
        check::<CreateTag>(r#"{"template":{"flags":["fast"]}}"#, "template.flags[0].fast");
        check::<Load>(r#"{"map":"host0/m1"}"#, "request");
        check::<Load>(r#"{"map":"nonsense","request":{"buffer":{"memory":"host0/b1","length":1}}}"#, "map");
        check::<Load>(r#"{"map":"host0/m1","request":{"cake":1}}"#, "request.cake");
        check::<Load>("[1]", "parameters");
        check::<Load>(r#"["host0/m1",{"buffer":{"memory":"host0/b1","length":1}},null]"#, "parameters");
        check::<Submit>(r#"{"operations":[{"unload":{"map":"host0/m1","x":1}}]}"#, "operations[0].unload.x");
    }
}
