//! From the names bills and price lists have for a model to the ids requests have. The Price List carries no model
//! ids; a name is joined only to ids it spells, or through the short list of names that are spelt otherwise.

use std::collections::{BTreeMap, BTreeSet};

/// Names whose spelling is too far from the id's.
const SPELT_OTHERWISE: [(&str, &str); 6] = [
    ("titanembeddingsv2", "amazon.titan-embed-text-v2:0"),
    ("titanembeddingv2", "amazon.titan-embed-text-v2:0"),
    ("titanembeddingsg1", "amazon.titan-embed-text-v1"),
    ("titanembeddings", "amazon.titan-embed-text-v1"),
    ("embed4", "cohere.embed-v4:0"),
    ("cohereembed4", "cohere.embed-v4:0"),
];

/// Base ids by what their names come down to.
#[derive(Default)]
pub(crate) struct Names {
    ids: BTreeMap<String, BTreeSet<String>>,
    known: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoModel {
    Unknown,
    /// Models of several providers have the name.
    Ambiguous,
}

impl Names {
    pub(crate) fn new<'a>(models: impl Iterator<Item = &'a str>) -> Names {
        let mut names = Names { ids: BTreeMap::new(), known: BTreeSet::new() };
        for id in models {
            names.known.insert(id.to_owned());
            let (provider, name) = id.split_once('.').unwrap_or(("", id));
            let name = of_id(name);
            for key in [name.clone(), format!("{}{name}", letters(provider))] {
                names.ids.entry(key).or_default().insert(id.to_owned());
            }
        }
        names
    }

    /// The ids of a name as people read it: `Claude Sonnet 4.5 (Amazon Bedrock Edition)`, `Nova Lite`. One model may
    /// have several ids, one for each endpoint.
    pub(crate) fn find(&self, name: &str) -> Result<Vec<String>, NoModel> {
        if self.known.contains(name) {
            return Ok(vec![name.to_owned()]);
        }
        let key = of_name(name);
        let spelt = SPELT_OTHERWISE.iter().find(|(spelling, _)| *spelling == key);
        if let Some((_, id)) = spelt.filter(|(_, id)| self.known.contains(*id)) {
            return Ok(vec![(*id).to_owned()]);
        }
        let ids = self.ids.get(&key).filter(|_| !key.is_empty()).ok_or(NoModel::Unknown)?;
        let providers: BTreeSet<&str> =
            ids.iter().map(|id| id.split_once('.').map_or("", |(provider, _)| provider)).collect();
        if providers.len() > 1 { Err(NoModel::Ambiguous) } else { Ok(ids.iter().cloned().collect()) }
    }
}

/// `claude-3-5-sonnet-20241022-v2:0` comes down to `claude35sonnetv2`, `nova-2-lite-v1:0` to `nova2lite`.
fn of_id(name: &str) -> String {
    let (name, has_revision) = match name.split_once(':') {
        Some((name, _)) => (name, true),
        None => (name, false),
    };
    let mut parts: Vec<&str> = name.split(['-', '_', '.', '@']).filter(|part| !part.is_empty()).collect();
    // `gpt-oss-120b-1:0`: the number before the colon is the version's.
    if has_revision && parts.last().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
        parts.pop();
    }
    let is_date = |part: &str| part.len() == 8 && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.retain(|part| !is_date(part) && !is_noise(part));
    letters(&parts.concat())
}

fn of_name(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    // Any other bracket is a part of the name: a listing for another context window is another model.
    let name = name.trim().trim_end_matches("(amazon bedrock edition)").trim_end();
    // A version written to the decimal: Nova 2.0 Lite is nova-2-lite.
    let bytes = name.as_bytes();
    let digit = |at: Option<&u8>| at.is_some_and(u8::is_ascii_digit);
    let mut plain = String::with_capacity(name.len());
    let mut characters = name.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let is_point_zero = character == '.'
            && at > 0
            && digit(bytes.get(at - 1))
            && bytes.get(at + 1) == Some(&b'0')
            && !digit(bytes.get(at + 2));
        if is_point_zero {
            characters.next();
        } else {
            plain.push(character);
        }
    }
    let parts: Vec<&str> = plain.split([' ', '-', '_', '.', '/']).filter(|part| !is_noise(part)).collect();
    letters(&parts.concat())
}

/// Words that are in one spelling and not in the other, and tell no two models apart.
fn is_noise(part: &str) -> bool {
    matches!(part, "v1" | "instruct" | "chat" | "text" | "amazon" | "model")
}

fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 14] = [
        "anthropic.claude-3-5-sonnet-20240620-v1:0",
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic.claude-opus-4-8",
        "amazon.nova-lite-v1:0",
        "amazon.nova-2-lite-v1:0",
        "amazon.titan-embed-text-v2:0",
        "cohere.embed-v4:0",
        "meta.llama4-maverick-17b-instruct-v1:0",
        "openai.gpt-oss-120b-1:0",
        "openai.gpt-oss-120b",
        "deepseek.r1-v1:0",
        "one.twin-v1:0",
        "other.twin-v1:0",
    ];

    #[test]
    fn names_are_joined_to_the_ids_they_spell() {
        let names = Names::new(IDS.into_iter());
        for (name, ids) in [
            ("Claude 3.5 Sonnet", Ok(vec!["anthropic.claude-3-5-sonnet-20240620-v1:0"])),
            (
                "Claude 3.5 Sonnet v2 (Amazon Bedrock Edition)",
                Ok(vec!["anthropic.claude-3-5-sonnet-20241022-v2:0"]),
            ),
            (
                "Claude Sonnet 4.5 (Amazon Bedrock Edition)",
                Ok(vec!["anthropic.claude-sonnet-4-5-20250929-v1:0"]),
            ),
            ("anthropic.claude-opus-4-8", Ok(vec!["anthropic.claude-opus-4-8"])),
            ("Nova Lite", Ok(vec!["amazon.nova-lite-v1:0"])),
            ("Amazon Nova Lite", Ok(vec!["amazon.nova-lite-v1:0"])),
            ("Nova 2.0 Lite", Ok(vec!["amazon.nova-2-lite-v1:0"])),
            ("nova2.0lite", Ok(vec!["amazon.nova-2-lite-v1:0"])),
            ("TitanEmbeddingV2-Text", Ok(vec!["amazon.titan-embed-text-v2:0"])),
            ("Titan Text Embeddings V2", Ok(vec!["amazon.titan-embed-text-v2:0"])),
            ("Cohere Embed 4", Ok(vec!["cohere.embed-v4:0"])),
            ("Llama 4 Maverick 17B", Ok(vec!["meta.llama4-maverick-17b-instruct-v1:0"])),
            ("gpt-oss-120b", Ok(vec!["openai.gpt-oss-120b", "openai.gpt-oss-120b-1:0"])),
            ("DeepSeek R1", Ok(vec!["deepseek.r1-v1:0"])),
            ("R1", Ok(vec!["deepseek.r1-v1:0"])),
            ("Twin", Err(NoModel::Ambiguous)),
            ("Claude Sonnet 4", Err(NoModel::Unknown)),
            ("Claude", Err(NoModel::Unknown)),
            ("", Err(NoModel::Unknown)),
            ("Claude 3.5 Sonnet (100K) (Amazon Bedrock Edition)", Err(NoModel::Unknown)),
            ("(Amazon Bedrock Edition)", Err(NoModel::Unknown)),
        ] {
            let ids = ids.map(|ids| ids.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(names.find(name), ids, "{name}");
        }
    }
}
