//! Questions for tests, owned and changeable. Nothing here is compiled into the product.

use std::collections::BTreeMap;

use hardpan_inference::finding::PiiType;
use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::Operation;
use hardpan_inference::principal::Principal;
use hardpan_inference::request::{
    Dialect, KnowledgeBaseFacts, MessageCounts, Parameters, RequestFacts, Signals,
};

use crate::input::{
    Action, ApiFacts, Common, EndpointFacts, KbFacts, Question, ResponseFacts, Subject, ToolFacts,
    ToolResultFacts,
};

pub(crate) struct Sample {
    pub(crate) action: Action,
    pub(crate) operation: Operation,
    pub(crate) principal: Principal,
    pub(crate) signals: Signals,
    pub(crate) time_unix: i64,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) model: String,
    pub(crate) request: RequestFacts,
    /// Whether a tool call's question names the model.
    pub(crate) has_model: bool,
    /// Whether an API call's question has a body.
    pub(crate) has_request: bool,
    pub(crate) endpoint: String,
    pub(crate) component: Option<String>,
    pub(crate) router: bool,
    pub(crate) kb_id: String,
    pub(crate) kb: KnowledgeBaseFacts,
    pub(crate) resource: Vec<(&'static str, String)>,
    pub(crate) inspected: bool,
    pub(crate) tool_name: String,
    pub(crate) declared: bool,
    pub(crate) args_json: String,
    pub(crate) args_valid: bool,
    pub(crate) tool_signals: Signals,
    pub(crate) labels: Vec<String>,
    pub(crate) routed_from: Option<String>,
    parsed_model: std::cell::OnceCell<ModelId>,
}

impl Sample {
    pub(crate) fn invoke() -> Sample {
        Sample {
            action: Action::ModelInvoke,
            operation: Operation::Converse,
            principal: Principal {
                key_id: "AKIDSAMPLE".into(),
                app: "orders-bot".into(),
                team: "payments".into(),
                env: None,
                user: None,
                groups: Vec::new(),
                claims: BTreeMap::new(),
                verified: vec!["sigv4"],
            },
            signals: Signals {
                findings: BTreeMap::from([(PiiType::Email, 2), (PiiType::AwsSecretKey, 1)]),
                injection: 0.8,
                injection_families: Vec::new(),
            },
            time_unix: 1_795_356_000,
            metadata: BTreeMap::new(),
            model: "us.anthropic.claude-sonnet-4-20250514-v1:0".into(),
            request: RequestFacts {
                dialect: Dialect::Converse,
                parsed: true,
                choices: 1,
                content_elsewhere: false,
                knowledge_base: None,
                stream: false,
                body_bytes: 2000,
                est_tokens: 500,
                params: Parameters { max_tokens: Some(2048), temperature: None, top_p: None },
                messages: MessageCounts {
                    count: 2,
                    user: 1,
                    assistant: 1,
                    text_bytes: 100,
                    ..Default::default()
                },
                system_blocks: 0,
                system_sha256: None,
                tools: vec!["get_weather".into()],
                tool_choice: None,
                tools_unreadable: false,
                guardrail: None,
                metadata: BTreeMap::new(),
            },
            has_model: true,
            has_request: true,
            endpoint: "llama-prod".into(),
            component: Some("ic-1".into()),
            router: false,
            kb_id: "KB12345678".into(),
            kb: KnowledgeBaseFacts {
                ids: vec!["KB12345678".into()],
                results: Some(5),
                search: Some("HYBRID".into()),
                query_chars: 61,
                has_filter: false,
                implicit_filter: false,
                rerank: false,
                generate: false,
            },
            resource: vec![("agentId", "AGENT12345".into())],
            inspected: true,
            tool_name: "get_weather".into(),
            declared: true,
            args_json: r#"{"city":"Oslo"}"#.into(),
            args_valid: true,
            tool_signals: Signals::default(),
            labels: Vec::new(),
            routed_from: None,
            parsed_model: std::cell::OnceCell::new(),
        }
    }

    pub(crate) fn tool_use() -> Sample {
        Sample { action: Action::ToolUse, ..Sample::invoke() }
    }

    pub(crate) fn invoke_endpoint() -> Sample {
        Sample { action: Action::EndpointInvoke, operation: Operation::InvokeEndpoint, ..Sample::invoke() }
    }

    pub(crate) fn retrieve() -> Sample {
        Sample { action: Action::KbRetrieve, operation: Operation::Retrieve, ..Sample::invoke() }
    }

    pub(crate) fn call_api() -> Sample {
        Sample { action: Action::ApiCall, operation: Operation::InvokeAgent, ..Sample::invoke() }
    }

    pub(crate) fn tool_result() -> Sample {
        Sample { action: Action::ToolResult, ..Sample::invoke() }
    }

    pub(crate) fn respond() -> Sample {
        Sample { action: Action::ModelRespond, ..Sample::invoke() }
    }

    /// One of each action that needs an allow.
    pub(crate) fn each() -> [Sample; 5] {
        [
            Sample::invoke(),
            Sample::invoke_endpoint(),
            Sample::retrieve(),
            Sample::call_api(),
            Sample::tool_use(),
        ]
    }

    /// Few values per fact, so that equal questions come up too.
    pub(crate) fn random(dice: &mut Dice) -> Sample {
        let mut sample = match dice.roll(18) {
            16 => Sample::tool_result(),
            17 => Sample::respond(),
            0 => Sample::invoke_endpoint(),
            1 => Sample::retrieve(),
            2 => Sample::call_api(),
            3..10 => Sample::invoke(),
            _ => Sample::tool_use(),
        };
        sample.component = (dice.roll(2) == 0).then(|| "ic-1".into());
        sample.kb_id = dice.pick(&["KB12345678", "KB00000000"]).into();
        sample.inspected = dice.roll(2) == 0;
        sample.has_request = sample.inspected;
        sample.principal.team = dice.pick(&["payments", "search", ""]).into();
        sample.principal.app = dice.pick(&["orders-bot", "7", ""]).into();
        sample.principal.user = (dice.roll(2) == 0).then(|| "alice".into());
        sample.signals.findings =
            BTreeMap::from([(PiiType::Phone, dice.roll(2)), (PiiType::AwsAccessKey, dice.roll(2))]);
        sample.signals.injection = if dice.roll(2) == 0 { 0.9 } else { 0.0 };
        sample.time_unix += i64::try_from(dice.roll(3)).unwrap_or_default() * 3600;
        sample.model =
            dice.pick(&["amazon.nova-lite-v1:0", "us.anthropic.claude-sonnet-4-20250514-v1:0"]).into();
        sample.request.body_bytes = 1000 * dice.roll(3);
        sample.request.params.temperature = (dice.roll(2) == 0).then_some(0.0);
        sample.request.tools = vec!["get_weather".into(); usize::try_from(dice.roll(3)).unwrap_or_default()];
        sample.tool_name = dice.pick(&["get_weather", "db_query"]).into();
        sample.declared = dice.roll(4) != 0;
        sample.args_json = dice.pick(&[r#"{"city":"Oslo"}"#, r#"{"query":"select 1"}"#, "[]"]).into();
        sample.args_valid = dice.roll(4) != 0;
        sample.labels = if dice.roll(4) == 0 { vec!["untrusted".into()] } else { Vec::new() };
        sample.routed_from = (dice.roll(4) == 0).then(|| "amazon.nova-pro-v1:0".into());
        sample
    }

    pub(crate) fn question(&self) -> Question<'_> {
        let model = self.parsed_model.get_or_init(|| ModelId::parse(&self.model).unwrap());
        let common = Common {
            operation: self.operation,
            region: "us-east-1",
            principal: &self.principal,
            signals: &self.signals,
            ip: None,
            time_unix: self.time_unix,
            metadata: &self.metadata,
            labels: &self.labels,
            routed_from: self.routed_from.as_deref(),
        };
        let subject = match self.action {
            Action::ModelInvoke => Subject::ModelInvoke { model, request: &self.request },
            Action::EndpointInvoke => Subject::EndpointInvoke {
                endpoint: EndpointFacts {
                    name: &self.endpoint,
                    component: self.component.as_deref(),
                    variant: None,
                    target_model: None,
                    router: self.router,
                },
                request: &self.request,
            },
            Action::KbRetrieve => Subject::KbRetrieve {
                kb: KbFacts { id: &self.kb_id, facts: &self.kb },
                request: &self.request,
            },
            Action::ApiCall => Subject::ApiCall {
                api: ApiFacts {
                    resource: &self.resource,
                    inspected: self.inspected,
                    content_elsewhere: false,
                },
                model: None,
                request: self.has_request.then_some(&self.request),
            },
            Action::ToolUse => Subject::ToolUse {
                model: self.has_model.then_some(model),
                tool: ToolFacts {
                    id: "tooluse_1",
                    name: &self.tool_name,
                    group: None,
                    index: 1,
                    of: 1,
                    declared: self.declared,
                    args_json: &self.args_json,
                    args_valid: self.args_valid,
                    args_errors: &[],
                    signals: &self.tool_signals,
                },
            },
            Action::ToolResult => Subject::ToolResult {
                model: self.has_model.then_some(model),
                result: ToolResultFacts {
                    id: "tooluse_1",
                    name: Some(&self.tool_name),
                    failed: false,
                    bytes: 100,
                    signals: &self.tool_signals,
                },
            },
            Action::ModelRespond => Subject::ModelRespond {
                model: self.has_model.then_some(model),
                response: ResponseFacts {
                    stop_reason: Some("end_turn"),
                    usage: Some((500, 20)),
                    text_bytes: 100,
                    tools: &[],
                    tools_denied: &[],
                    guardrail_intervened: false,
                    partial: false,
                    stream: false,
                    signals: &self.tool_signals,
                },
            },
        };
        Question { common, subject }
    }
}

/// A small generator whose numbers repeat from run to run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % sides
    }

    pub(crate) fn pick<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        let count = u64::try_from(choices.len()).unwrap_or(1);
        let place = usize::try_from(self.roll(count)).unwrap_or_default();
        choices.get(place).copied().unwrap_or_default()
    }
}
