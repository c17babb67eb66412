//! Keeping the searches of a request within what policy sets for their knowledge bases: filters that hold beside the
//! caller's own, and a bound on what is found.
//!
//! The caller's filter stays where it stands, byte for byte, with policy's around it. A filter that a model makes up
//! is taken out where policy sets one: how the service joins the two is not for a caller to choose. A search in a
//! form that is not known is left alone and said to be out of reach.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::request::Request;
use super::{agent, cut};
use crate::edit::Edit;
use crate::json::{Kind, ValueId, quote};
use crate::operation::Operation;

/// What holds for the searches of one knowledge base.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetrievalLimit {
    /// Filters in the service's own form, as JSON. All of them hold.
    pub filters: BTreeSet<String>,
    pub results_max: Option<u64>,
}

/// A knowledge base that a body gives a search to.
pub(super) struct Base {
    /// None where it has no name that can be read.
    pub id: Option<String>,
    /// The object its search stands in.
    pub holder: ValueId,
}

/// What the members of a search are called.
struct Names {
    results: &'static str,
    implicit: Option<&'static str>,
}

const SEARCH: Names = Names { results: "numberOfResults", implicit: Some("implicitFilterConfiguration") };
const OVERRIDES: Names = Names { results: "maxNumberOfResults", implicit: None };

impl Request<'_> {
    /// The changes that make every search keep to the limit of its knowledge base. `in_path` is the one the path
    /// names. None where a search cannot be made to.
    pub fn limit_retrieval(
        &self,
        in_path: Option<&str>,
        limits: &BTreeMap<String, RetrievalLimit>,
    ) -> Option<Vec<Edit>> {
        if limits.is_empty() {
            return Some(Vec::new());
        }
        let bases = match self.operation {
            Operation::Retrieve => {
                vec![Base { id: in_path.map(str::to_owned), holder: self.document.root() }]
            }
            operation => agent::bases(operation, &self.document, self.root),
        };
        let mut met = BTreeSet::new();
        let mut edits = Vec::new();
        for base in bases {
            let id = base.id?;
            if let Some(limit) = limits.get(&id) {
                edits.extend(self.limit_search(base.holder, limit)?);
            }
            met.insert(id);
        }
        limits.keys().all(|id| met.contains(id)).then_some(edits)
    }

    fn limit_search(&self, holder: ValueId, limit: &RetrievalLimit) -> Option<Vec<Edit>> {
        if self.operation == Operation::AgenticRetrieveStream {
            return self.limit_member(holder, "retrievalOverrides", limit, &OVERRIDES);
        }
        let Some(config) = self.filled(holder, "retrievalConfiguration")? else {
            let search = format!("{{\"vectorSearchConfiguration\":{}}}", new_search(limit, &SEARCH));
            return Some(vec![self.set_member(holder, "retrievalConfiguration", &search)]);
        };
        let is_known =
            |key| self.document.string(key).is_some_and(|name| name == "vectorSearchConfiguration");
        let all_known = self.document.members(config).all(|(key, _)| is_known(key));
        if !all_known {
            return None;
        }
        self.limit_member(config, "vectorSearchConfiguration", limit, &SEARCH)
    }

    fn limit_member(
        &self,
        holder: ValueId,
        name: &str,
        limit: &RetrievalLimit,
        names: &Names,
    ) -> Option<Vec<Edit>> {
        match self.filled(holder, name)? {
            None => Some(vec![self.set_member(holder, name, &new_search(limit, names))]),
            Some(search) => {
                let mut edits = self.filter_edits(search, limit, names)?;
                edits.extend(self.results_edit(search, limit, names));
                Some(edits)
            }
        }
    }

    /// An object member; None inside where it is missing, or null. None at all where it is something else.
    fn filled(&self, holder: ValueId, name: &str) -> Option<Option<ValueId>> {
        match self.document.get(holder, name) {
            None => Some(None),
            Some(member) => match self.document.kind(member) {
                Kind::Null => Some(None),
                Kind::Object => Some(Some(member)),
                _ => None,
            },
        }
    }

    fn results_edit(&self, search: ValueId, limit: &RetrievalLimit, names: &Names) -> Option<Edit> {
        let results_max = limit.results_max?;
        let own = self.document.get(search, names.results).and_then(|own| self.document.u64(own));
        if own.is_some_and(|own| own <= results_max) {
            return None;
        }
        Some(self.set_member(search, names.results, &results_max.to_string()))
    }

    fn filter_edits(&self, search: ValueId, limit: &RetrievalLimit, names: &Names) -> Option<Vec<Edit>> {
        if limit.filters.is_empty() {
            return Some(Vec::new());
        }
        let implicit = names.implicit.and_then(|implicit| {
            let mut members = self.document.members(search);
            members.find(|(key, _)| self.document.string(*key).is_some_and(|name| name == implicit))
        });
        let own = self.document.get(search, "filter").filter(|own| self.document.kind(*own) != Kind::Null);
        let Some(own) = own else {
            let filter = together(limit);
            return Some(match (implicit, self.document.get(search, "filter")) {
                (Some((key, value)), None) => {
                    let range = self.document.range(key).start..self.document.range(value).end;
                    vec![Edit::replace(range, format!("\"filter\":{filter}"))]
                }
                (implicit, _) => {
                    let mut edits = vec![self.set_member(search, "filter", &filter)];
                    edits.extend(self.without(search, implicit));
                    edits
                }
            });
        };
        let mut edits = self.joined_with(own, limit)?;
        edits.extend(self.without(search, implicit));
        Some(edits)
    }

    /// Puts policy's filters beside the caller's. A conjunction of the caller's takes them in, so that the filter grows
    /// no deeper than it has to.
    fn joined_with(&self, own: ValueId, limit: &RetrievalLimit) -> Option<Vec<Edit>> {
        let mut members = self.document.members(own);
        let (key, value) = members.next()?;
        // One operator is a filter; of two, nobody knows which the service takes.
        if self.document.kind(own) != Kind::Object || members.next().is_some() {
            return None;
        }
        let ours: String = limit.filters.iter().map(|filter| format!("{filter},")).collect();
        if self.document.string(key).is_some_and(|name| name == "andAll") {
            if self.document.kind(value) != Kind::Array {
                return None;
            }
            self.document.elements(value).next()?;
            return Some(vec![Edit::insert(self.document.range(value).start + 1, ours)]);
        }
        let range = self.document.range(own);
        Some(vec![Edit::insert(range.start, format!("{{\"andAll\":[{ours}")), Edit::insert(range.end, "]}")])
    }

    fn without(&self, search: ValueId, member: Option<(ValueId, ValueId)>) -> Vec<Edit> {
        match member {
            Some((_, value)) => cut::members(&self.document, search, &HashSet::from([value])),
            None => Vec::new(),
        }
    }
}

/// A search of policy's own making.
fn new_search(limit: &RetrievalLimit, names: &Names) -> String {
    let mut members = Vec::new();
    if !limit.filters.is_empty() {
        members.push(format!("\"filter\":{}", together(limit)));
    }
    if let Some(results_max) = limit.results_max {
        members.push(format!("{}:{results_max}", quote(names.results)));
    }
    format!("{{{}}}", members.join(","))
}

/// A conjunction has two members at least.
fn together(limit: &RetrievalLimit) -> String {
    let filters: Vec<&str> = limit.filters.iter().map(String::as_str).collect();
    match filters.as_slice() {
        [one] => (*one).to_owned(),
        several => format!("{{\"andAll\":[{}]}}", several.join(",")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::codec::testing::{applied, parse};

    const ONE: &str = r#"{"equals":{"key":"tenant","value":"t-9"}}"#;
    const TWO: &str = r#"{"in":{"key":"dept","value":["a"]}}"#;

    fn limits(ids: &[&str], filters: &[&str], results_max: Option<u64>) -> BTreeMap<String, RetrievalLimit> {
        let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
        let limit = RetrievalLimit { filters, results_max };
        ids.iter().map(|id| ((*id).to_owned(), limit.clone())).collect()
    }

    fn read(filter: &str) -> Value {
        serde_json::from_str(filter).unwrap()
    }

    fn retrieve(search: &str, filters: &[&str], results_max: Option<u64>) -> Option<Value> {
        let body = format!("{{\"retrievalQuery\":{{\"text\":\"x\"}}{search}}}");
        let request = parse(Operation::Retrieve, "", &body);
        let edits = request.limit_retrieval(Some("KB1"), &limits(&["KB1"], filters, results_max))?;
        let changed = applied(&body, request.joined(edits));
        Some(changed.pointer("/retrievalConfiguration/vectorSearchConfiguration").unwrap().clone())
    }

    fn search(members: &str) -> String {
        format!(",\"retrievalConfiguration\":{{\"vectorSearchConfiguration\":{{{members}}}}}")
    }

    #[test]
    fn policys_filters_hold_beside_the_callers_own() {
        let own = r#"{"equals":{"key":"x","value":1}}"#;
        let and = format!("{{\"andAll\":[{own},{own}]}}");
        let or = format!("{{\"orAll\":[{own},{own}]}}");
        for (members, filters, expected) in [
            (String::new(), vec![ONE], read(ONE)),
            (String::new(), vec![ONE, TWO], json!({"andAll": [read(ONE), read(TWO)]})),
            (format!("\"filter\":{own}"), vec![ONE], json!({"andAll": [read(ONE), read(own)]})),
            (format!("\"filter\":{and}"), vec![ONE], json!({"andAll": [read(ONE), read(own), read(own)]})),
            (format!("\"filter\":{or}"), vec![ONE], json!({"andAll": [read(ONE), read(&or)]})),
            ("\"filter\":null".to_owned(), vec![ONE], read(ONE)),
            ("\"overrideSearchType\":\"HYBRID\"".to_owned(), vec![ONE], read(ONE)),
        ] {
            let changed = retrieve(&search(&members), &filters, None).unwrap();
            assert_eq!(changed["filter"], expected, "{members}");
        }
        assert_eq!(retrieve("", &[ONE], None).unwrap(), json!({"filter": read(ONE)}));
        assert_eq!(
            retrieve(",\"retrievalConfiguration\":null", &[ONE], Some(3)).unwrap(),
            json!({"filter": read(ONE), "numberOfResults": 3})
        );
    }

    #[test]
    fn a_filter_a_model_makes_up_goes() {
        let implicit = r#""implicitFilterConfiguration":{"modelArn":"m"}"#;
        let own = r#""filter":{"equals":{"key":"x","value":1}}"#;
        for members in [
            implicit.to_owned(),
            format!("{implicit},{own}"),
            format!("{own},{implicit}"),
            format!("\"numberOfResults\":9,{implicit}"),
            format!("\"filter\":null,{implicit}"),
        ] {
            let changed = retrieve(&search(&members), &[ONE], Some(5)).unwrap();
            assert!(changed.get("implicitFilterConfiguration").is_none(), "{members}");
            assert_eq!(changed["numberOfResults"], 5, "{members}");
            assert!(changed["filter"].to_string().contains("tenant"), "{members}");
        }
        let kept = retrieve(&search(implicit), &[], Some(5)).unwrap();
        assert!(kept.get("implicitFilterConfiguration").is_some());
    }

    #[test]
    fn results_are_bounded() {
        for (members, expected) in [
            ("", 5),
            ("\"numberOfResults\":3", 3),
            ("\"numberOfResults\":30", 5),
            ("\"numberOfResults\":\"x\"", 5),
        ] {
            let changed = retrieve(&search(members), &[], Some(5)).unwrap();
            assert_eq!(changed["numberOfResults"], expected, "{members}");
        }
    }

    #[test]
    fn searches_in_an_unknown_form_are_out_of_reach() {
        for whole in [
            search("\"filter\":{}"),
            search("\"filter\":[]"),
            search("\"filter\":{\"andAll\":[]}"),
            search("\"filter\":{\"andAll\":1}"),
            search("\"filter\":{\"equals\":{},\"in\":{}}"),
            ",\"retrievalConfiguration\":1".to_owned(),
            ",\"retrievalConfiguration\":{\"otherSearchConfiguration\":{}}".to_owned(),
            ",\"retrievalConfiguration\":{\"vectorSearchConfiguration\":1}".to_owned(),
        ] {
            assert_eq!(retrieve(&whole, &[ONE], None), None, "{whole}");
        }
    }

    #[test]
    fn every_operation_that_searches_is_reached() {
        let generate = "/retrieveAndGenerateConfiguration/knowledgeBaseConfiguration/retrievalConfiguration/vectorSearchConfiguration";
        for (operation, body, pointer, results) in [
            (
                Operation::RetrieveAndGenerate,
                r#"{"input":{"text":"x"},"retrieveAndGenerateConfiguration":{"knowledgeBaseConfiguration":{"knowledgeBaseId":"KB1"}}}"#,
                generate,
                "numberOfResults",
            ),
            (
                Operation::RetrieveAndGenerateStream,
                r#"{"input":{"text":"x"},"retrieveAndGenerateConfiguration":{"knowledgeBaseConfiguration":{"knowledgeBaseId":"KB1","retrievalConfiguration":{}}}}"#,
                generate,
                "numberOfResults",
            ),
            (
                Operation::InvokeAgent,
                r#"{"inputText":"x","sessionState":{"knowledgeBaseConfigurations":[{"knowledgeBaseId":"KB1","retrievalConfiguration":{"vectorSearchConfiguration":{}}}]}}"#,
                "/sessionState/knowledgeBaseConfigurations/0/retrievalConfiguration/vectorSearchConfiguration",
                "numberOfResults",
            ),
            (
                Operation::InvokeInlineAgent,
                r#"{"foundationModel":"m.x","collaborators":[{"knowledgeBases":[{"knowledgeBaseId":"KB1"}]}]}"#,
                "/collaborators/0/knowledgeBases/0/retrievalConfiguration/vectorSearchConfiguration",
                "numberOfResults",
            ),
            (
                Operation::AgenticRetrieveStream,
                r#"{"messages":[],"retrievers":[{"configuration":{"knowledgeBase":{"knowledgeBaseId":"KB1","retrievalOverrides":{"maxNumberOfResults":50}}}}]}"#,
                "/retrievers/0/configuration/knowledgeBase/retrievalOverrides",
                "maxNumberOfResults",
            ),
        ] {
            let request = parse(operation, "", body);
            let edits = request.limit_retrieval(None, &limits(&["KB1"], &[ONE], Some(5))).unwrap();
            let changed = applied(body, request.joined(edits));
            let search = changed.pointer(pointer).unwrap();
            assert_eq!((&search["filter"], &search[results]), (&read(ONE), &json!(5)), "{body}");
            // A limit for a knowledge base that is not there was asked for in vain.
            assert!(request.limit_retrieval(None, &limits(&["KB2"], &[ONE], None)).is_none(), "{body}");
        }
        let nameless = r#"{"inputText":"x","sessionState":{"knowledgeBaseConfigurations":[{},{"knowledgeBaseId":"KB1"}]}}"#;
        let request = parse(Operation::InvokeAgent, "", nameless);
        assert!(request.limit_retrieval(None, &limits(&["KB1"], &[ONE], None)).is_none());
    }
}
