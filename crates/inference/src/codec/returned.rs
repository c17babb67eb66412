//! One action that an agent returns to its caller: which it is, and with which arguments.
//!
//! Of a function the arguments are its parameters. Of an API they are its parameters, and its body by content type and
//! property under `requestBody`; the action's name is then method and path. Values are texts, as the service writes
//! them. What two readers could read as two things is no action that can be judged.

use super::shape::{list, word};
use crate::json::{Document, Kind, ValueId, quote};

/// The event it comes in.
pub(super) const RETURN_CONTROL: &str = "returnControl";

const BODY: &str = "requestBody";

pub(super) struct Returned {
    /// The action group.
    pub group: String,
    pub name: String,
    /// A JSON object.
    pub arguments: String,
}

/// The name of an API's action.
pub(super) fn api_name(method: &str, path: &str) -> String {
    if method.is_empty() { path.to_owned() } else { format!("{method} {path}") }
}

pub(super) fn returned(document: &Document<'_>, input: ValueId) -> Option<Returned> {
    let mut members = document.members(input);
    let (kind, holder) = members.next()?;
    // It is a union: one member, and no more.
    if members.next().is_some() || document.kind(holder) != Kind::Object {
        return None;
    }
    let mut arguments = Vec::new();
    let parameters = document.get(holder, "parameters");
    add(document, parameters, &mut arguments)?;
    let name = match &*document.string(kind)? {
        "functionInvocationInput" => word(document, holder, "function").into_owned(),
        "apiInvocationInput" => {
            if let Some(body) = document.get(holder, BODY) {
                arguments.push((BODY.to_owned(), body_of(document, body)?));
            }
            let path = word(document, holder, "apiPath");
            if path.is_empty() {
                return None;
            }
            api_name(&word(document, holder, "httpMethod"), &path)
        }
        _ => return None,
    };
    let arguments = object(arguments)?;
    let group = word(document, holder, "actionGroup").into_owned();
    (!name.is_empty()).then_some(Returned { group, name, arguments })
}

/// Content types and their properties.
fn body_of(document: &Document<'_>, body: ValueId) -> Option<String> {
    let Some(content) = document.get(body, "content") else { return Some("{}".to_owned()) };
    let mut types = Vec::new();
    for (kind, media) in document.members(content) {
        let mut properties = Vec::new();
        let listed =
            document.get(media, "properties").or((document.kind(media) == Kind::Array).then_some(media));
        add(document, listed, &mut properties)?;
        types.push((document.string(kind)?.into_owned(), object(properties)?));
    }
    object(types)
}

/// Names and values of a list of `{name, type, value}`.
fn add(document: &Document<'_>, listed: Option<ValueId>, into: &mut Vec<(String, String)>) -> Option<()> {
    let Some(listed) = listed.filter(|listed| document.kind(*listed) != Kind::Null) else { return Some(()) };
    if document.kind(listed) != Kind::Array {
        return None;
    }
    for one in document.elements(listed) {
        let name = document.string(document.get(one, "name")?)?.into_owned();
        let value = document.get(one, "value").map_or("null", |value| document.raw(value));
        into.push((name, value.to_owned()));
    }
    Some(())
}

/// None where a name is there twice.
fn object(members: Vec<(String, String)>) -> Option<String> {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| matches!(pair, [one, two] if one == two)) {
        return None;
    }
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{value}", quote(name))).collect();
    Some(format!("{{{}}}", members.join(",")))
}

/// All inputs of an event, for those who take some out.
pub(super) fn inputs(document: &Document<'_>) -> Vec<ValueId> {
    list(document, document.root(), "invocationInputs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonLimits;

    fn read(input: &str) -> Option<(String, String, String)> {
        let document = Document::parse(input.as_bytes(), JsonLimits::default()).unwrap();
        let returned = returned(&document, document.root())?;
        Some((returned.group, returned.name, returned.arguments))
    }

    fn of(group: &str, name: &str, arguments: &str) -> Option<(String, String, String)> {
        Some((group.to_owned(), name.to_owned(), arguments.to_owned()))
    }

    #[test]
    fn functions_and_apis_are_actions_with_arguments() {
        for (input, expected) in [
            (
                r#"{"functionInvocationInput":{"actionGroup":"g","function":"f","parameters":[{"name":"a","type":"string","value":"x"},{"name":"b","type":"number","value":"3"}]}}"#,
                of("g", "f", r#"{"a":"x","b":"3"}"#),
            ),
            (r#"{"functionInvocationInput":{"actionGroup":"g","function":"f"}}"#, of("g", "f", "{}")),
            (
                r#"{"apiInvocationInput":{"actionGroup":"g","httpMethod":"POST","apiPath":"/refunds/{id}","parameters":[{"name":"id","type":"string","value":"7"}],"requestBody":{"content":{"application/json":{"properties":[{"name":"sum","type":"number","value":"20"}]}}}}}"#,
                of(
                    "g",
                    "POST /refunds/{id}",
                    r#"{"id":"7","requestBody":{"application/json":{"sum":"20"}}}"#,
                ),
            ),
        ] {
            assert_eq!(read(input), expected, "{input}");
        }
    }

    #[test]
    fn what_could_be_read_as_two_things_is_no_action() {
        for input in [
            r#"{"functionInvocationInput":{"function":"f","parameters":[{"name":"a","value":"1"},{"name":"a","value":"2"}]}}"#,
            r#"{"functionInvocationInput":{"function":"f"},"apiInvocationInput":{"apiPath":"/"}}"#,
            r#"{"functionInvocationInput":{"function":""}}"#,
            r#"{"functionInvocationInput":{"function":"f","parameters":{"a":1}}}"#,
            r#"{"functionInvocationInput":{"function":"f","parameters":[{"value":"1"}]}}"#,
            r#"{"apiInvocationInput":{"httpMethod":"GET"}}"#,
            r#"{"apiInvocationInput":{"apiPath":"/","parameters":[{"name":"requestBody","value":"1"}],"requestBody":{}}}"#,
            r#"{"mcpInvocationInput":{"function":"f"}}"#,
            r#"{"functionInvocationInput":"f"}"#,
            "{}",
        ] {
            assert_eq!(read(input), None, "{input}");
        }
    }
}
