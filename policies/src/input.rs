//! The facts of one question, as the `input` document rules read and as the key of the memo.
//!
//! Both are made from one list of facts, so they cannot disagree about what a fact is worth. No text of a
//! request is in here, except a proposed tool call's arguments; absent means unknown, and nothing is ever
//! `null`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hardpan_inference::finding::PiiType;
use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::Operation;
use hardpan_inference::principal::Principal;
use hardpan_inference::request::{KnowledgeBaseFacts, RequestFacts, Signals};
use regorus::Value;
use sha2::{Digest, Sha256};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, Weekday};

/// Tools one request may declare and still be asked about.
pub const TOOLS_MAX: usize = 512;
/// Raw JSON of a proposed call's arguments.
pub const ARGUMENTS_BYTES_MAX: usize = 256 << 10;
/// What a validator may say about one call.
pub const ARGUMENTS_ERRORS_MAX: usize = 1024;
/// Entries of metadata, and of an identity's claims.
pub const METADATA_MAX: usize = 128;
/// Groups one caller may be in.
pub const GROUPS_MAX: usize = 512;

/// What is asked. Every action is denied unless allowed, but for the last two, which pass unless denied: what they are
/// about was permitted before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Action {
    /// May this model be invoked with this request?
    ModelInvoke,
    /// May this SageMaker endpoint or router be invoked with this request?
    EndpointInvoke,
    /// May this knowledge base be searched with this request?
    KbRetrieve,
    /// May this operation, which is none of the others, be called?
    ApiCall,
    /// May this one proposed tool call reach the caller?
    ToolUse,
    /// May the model read this one result of a tool?
    ToolResult,
    /// May the caller have this answer?
    ModelRespond,
}

impl Action {
    pub const ALL: &[Action] = &[
        Action::ModelInvoke,
        Action::EndpointInvoke,
        Action::KbRetrieve,
        Action::ApiCall,
        Action::ToolUse,
        Action::ToolResult,
        Action::ModelRespond,
    ];

    pub fn from_name(name: &str) -> Option<Action> {
        Action::ALL.iter().copied().find(|action| action.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Action::ModelInvoke => "model:invoke",
            Action::EndpointInvoke => "endpoint:invoke",
            Action::KbRetrieve => "kb:retrieve",
            Action::ApiCall => "api:call",
            Action::ToolUse => "tool:use",
            Action::ToolResult => "tool:result",
            Action::ModelRespond => "model:respond",
        }
    }

    /// An `allow` says nothing about these: they need none.
    pub fn passes_unless_denied(self) -> bool {
        matches!(self, Action::ToolResult | Action::ModelRespond)
    }
}

/// One question about one subject.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub common: Common<'a>,
    pub subject: Subject<'a>,
}

/// What every action knows.
#[derive(Clone, Copy)]
pub struct Common<'a> {
    /// Names the service too: `input.api.service`.
    pub operation: Operation,
    pub region: &'a str,
    pub principal: &'a Principal,
    /// Findings in the request.
    pub signals: &'a Signals,
    pub ip: Option<IpAddr>,
    pub time_unix: i64,
    /// What the caller sent beside the request, in headers: `input.metadata`.
    pub metadata: &'a BTreeMap<String, String>,
    /// What the conversation was marked with so far, in order.
    pub labels: &'a [String],
    /// The model the caller asked for, where policy picked this one in its place.
    pub routed_from: Option<&'a str>,
}

#[derive(Clone, Copy)]
pub enum Subject<'a> {
    ModelInvoke {
        model: &'a ModelId,
        request: &'a RequestFacts,
    },
    EndpointInvoke {
        endpoint: EndpointFacts<'a>,
        request: &'a RequestFacts,
    },
    /// One knowledge base; a request that searches several is asked about once for each.
    KbRetrieve {
        kb: KbFacts<'a>,
        request: &'a RequestFacts,
    },
    ApiCall {
        api: ApiFacts<'a>,
        /// Where the call names one: a batch job does.
        model: Option<&'a ModelId>,
        /// Where there was a body to read.
        request: Option<&'a RequestFacts>,
    },
    ToolUse {
        /// None where what answered is an endpoint or an agent.
        model: Option<&'a ModelId>,
        tool: ToolFacts<'a>,
    },
    ToolResult {
        model: Option<&'a ModelId>,
        result: ToolResultFacts<'a>,
    },
    ModelRespond {
        model: Option<&'a ModelId>,
        response: ResponseFacts<'a>,
    },
}

/// What a SageMaker invocation is addressed to, as path and headers say.
#[derive(Clone, Copy)]
pub struct EndpointFacts<'a> {
    pub name: &'a str,
    /// The inference component.
    pub component: Option<&'a str>,
    /// The production variant the caller picked.
    pub variant: Option<&'a str>,
    /// The model of a multi-model endpoint.
    pub target_model: Option<&'a str>,
    /// `name` is an inference router's.
    pub router: bool,
}

#[derive(Clone, Copy)]
pub struct KbFacts<'a> {
    /// The knowledge base this question is about.
    pub id: &'a str,
    pub facts: &'a KnowledgeBaseFacts,
}

#[derive(Clone, Copy)]
pub struct ApiFacts<'a> {
    /// Decoded members of the path: `input.api.resource.agentId`.
    pub resource: &'a [(&'static str, String)],
    /// Whether there was a body and its texts were read. Where this is true a request has to be there too.
    pub inspected: bool,
    /// What the call is about is in S3 or behind a URL, where nobody read it.
    pub content_elsewhere: bool,
}

/// A proposed tool call, arguments complete.
#[derive(Clone, Copy)]
pub struct ToolFacts<'a> {
    pub id: &'a str,
    pub name: &'a str,
    /// The action group, where an agent returns control.
    pub group: Option<&'a str>,
    /// Which call of the answer this is, from 1, and of how many.
    pub index: u64,
    pub of: u64,
    /// Whether the request declared a tool of this name.
    pub declared: bool,
    /// Raw JSON as the model wrote it.
    pub args_json: &'a str,
    /// Whether they match the schema the request declared. Must be false where they are not JSON.
    pub args_valid: bool,
    pub args_errors: &'a [String],
    /// Findings in the arguments.
    pub signals: &'a Signals,
}

/// What a tool returned, on its way to the model.
#[derive(Clone, Copy)]
pub struct ToolResultFacts<'a> {
    /// The call it answers; empty where there are no ids.
    pub id: &'a str,
    /// The tool, where the request says which it was.
    pub name: Option<&'a str>,
    /// The caller marked it as a failure.
    pub failed: bool,
    pub bytes: u64,
    /// Findings in this result alone.
    pub signals: &'a Signals,
}

/// An answer, as far as it was seen.
#[derive(Clone, Copy)]
pub struct ResponseFacts<'a> {
    pub stop_reason: Option<&'a str>,
    /// Tokens of input and output, where the service counted them.
    pub usage: Option<(u64, u64)>,
    /// Bytes of the model's own text.
    pub text_bytes: u64,
    /// Calls the caller is given, and those that were withheld.
    pub tools: &'a [String],
    pub tools_denied: &'a [String],
    pub guardrail_intervened: bool,
    /// Not all of it was seen, or not all of it was looked at.
    pub partial: bool,
    pub stream: bool,
    /// Findings in the model's own words.
    pub signals: &'a Signals,
}

impl<'a> Question<'a> {
    pub fn action(&self) -> Action {
        match self.subject {
            Subject::ModelInvoke { .. } => Action::ModelInvoke,
            Subject::EndpointInvoke { .. } => Action::EndpointInvoke,
            Subject::KbRetrieve { .. } => Action::KbRetrieve,
            Subject::ApiCall { .. } => Action::ApiCall,
            Subject::ToolUse { .. } => Action::ToolUse,
            Subject::ToolResult { .. } => Action::ToolResult,
            Subject::ModelRespond { .. } => Action::ModelRespond,
        }
    }

    fn request(&self) -> Option<&'a RequestFacts> {
        match self.subject {
            Subject::ModelInvoke { request, .. }
            | Subject::EndpointInvoke { request, .. }
            | Subject::KbRetrieve { request, .. } => Some(request),
            Subject::ApiCall { request, .. } => request,
            Subject::ToolUse { .. } | Subject::ToolResult { .. } | Subject::ModelRespond { .. } => None,
        }
    }

    fn model(&self) -> Option<&'a ModelId> {
        match self.subject {
            Subject::ModelInvoke { model, .. } => Some(model),
            Subject::ApiCall { model, .. }
            | Subject::ToolUse { model, .. }
            | Subject::ToolResult { model, .. }
            | Subject::ModelRespond { model, .. } => model,
            Subject::EndpointInvoke { .. } | Subject::KbRetrieve { .. } => None,
        }
    }

    /// Names what is too large to be asked about. Cutting it short instead would hide it from the rules.
    pub(crate) fn oversized(&self) -> Option<&'static str> {
        let principal = self.common.principal;
        let tool = match self.subject {
            Subject::ToolUse { tool, .. } => Some(tool),
            _ => None,
        };
        let request = self.request();
        let over = |what, is_over: bool| is_over.then_some(what);
        over("metadata", self.common.metadata.len() > METADATA_MAX)
            .or_else(|| over("groups", principal.groups.len() > GROUPS_MAX))
            .or_else(|| over("claims", principal.claims.len() > METADATA_MAX))
            .or_else(|| over("tools", request.is_some_and(|request| request.tools.len() > TOOLS_MAX)))
            .or_else(|| {
                over("metadata", request.is_some_and(|request| request.metadata.len() > METADATA_MAX))
            })
            .or_else(|| over("arguments", tool.is_some_and(|tool| is_bulky(&tool))))
    }
}

fn is_bulky(tool: &ToolFacts<'_>) -> bool {
    tool.args_json.len() > ARGUMENTS_BYTES_MAX || tool.args_errors.len() > ARGUMENTS_ERRORS_MAX
}

macro_rules! fields {
    ($($variant:ident = $($segment:literal)/+),+ $(,)?) => {
        /// A leaf of the input document.
        #[derive(Clone, Copy, PartialEq, Eq)]
        enum Field { $($variant),+ }

        impl Field {
            const ALL: &[Field] = &[$(Field::$variant),+];

            fn path(self) -> &'static [&'static str] {
                match self { $(Field::$variant => &[$($segment),+]),+ }
            }
        }
    };
}

fields! {
    Version = "v",
    Action = "action",
    Service = "api" / "service",
    Operation = "api" / "operation",
    Region = "api" / "region",
    ApiInspected = "api" / "inspected",
    ApiContentElsewhere = "api" / "content_elsewhere",
    ApiResource = "api" / "resource",
    PrincipalId = "principal" / "id",
    PrincipalTeam = "principal" / "team",
    PrincipalApp = "principal" / "app",
    PrincipalEnv = "principal" / "env",
    PrincipalUser = "principal" / "user",
    PrincipalGroups = "principal" / "groups",
    PrincipalClaims = "principal" / "claims",
    PrincipalVerified = "principal" / "verified",
    SignalsPii = "signals" / "pii",
    SignalsSecrets = "signals" / "secrets",
    SignalsInjection = "signals" / "injection",
    Ip = "net" / "ip",
    TimeUnix = "time" / "unix",
    TimeUtc = "time" / "utc",
    TimeHour = "time" / "hour",
    TimeWeekday = "time" / "weekday",
    Metadata = "metadata",
    SessionLabels = "session" / "labels",
    ModelId = "model" / "id",
    ModelProvider = "model" / "provider",
    ModelFamily = "model" / "family",
    ModelKind = "model" / "kind",
    ModelScope = "model" / "scope",
    ModelRegion = "model" / "region",
    ModelAccount = "model" / "account",
    EndpointName = "endpoint" / "name",
    EndpointComponent = "endpoint" / "component",
    EndpointVariant = "endpoint" / "variant",
    EndpointTargetModel = "endpoint" / "target_model",
    EndpointRouter = "endpoint" / "router",
    KbId = "kb" / "id",
    KbResults = "kb" / "results",
    KbSearch = "kb" / "search",
    KbQueryCharacters = "kb" / "query_chars",
    KbHasFilter = "kb" / "has_filter",
    KbImplicitFilter = "kb" / "implicit_filter",
    KbRerank = "kb" / "rerank",
    KbGenerate = "kb" / "generate",
    RequestParsed = "request" / "parsed",
    RequestDialect = "request" / "dialect",
    RequestStream = "request" / "stream",
    RequestBytes = "request" / "bytes",
    RequestTokens = "request" / "est_tokens",
    RequestContentElsewhere = "request" / "content_elsewhere",
    RequestChoices = "request" / "choices",
    MaxTokens = "request" / "params" / "max_tokens",
    Temperature = "request" / "params" / "temperature",
    TopP = "request" / "params" / "top_p",
    Messages = "request" / "messages" / "count",
    UserMessages = "request" / "messages" / "by_role" / "user",
    AssistantMessages = "request" / "messages" / "by_role" / "assistant",
    Characters = "request" / "messages" / "chars",
    Images = "request" / "messages" / "images",
    Documents = "request" / "messages" / "documents",
    ToolResults = "request" / "messages" / "tool_results",
    SystemBlocks = "request" / "system" / "count",
    SystemDigest = "request" / "system" / "sha256",
    Tools = "request" / "tools",
    ToolChoice = "request" / "tool_choice",
    ToolsUnreadable = "request" / "tools_unreadable",
    GuardrailId = "request" / "guardrail" / "id",
    GuardrailVersion = "request" / "guardrail" / "version",
    RequestMetadata = "request" / "metadata",
    ToolId = "tool" / "id",
    ToolName = "tool" / "name",
    ToolGroup = "tool" / "group",
    ToolIndex = "tool" / "index",
    ToolOf = "tool" / "of",
    ToolDeclared = "tool" / "declared",
    ToolArguments = "tool" / "args",
    ToolArgumentsValid = "tool" / "args_valid",
    ToolArgumentsErrors = "tool" / "args_errors",
    ToolArgumentsBytes = "tool" / "args_bytes",
    ToolPii = "tool" / "signals" / "pii",
    ToolSecrets = "tool" / "signals" / "secrets",
    ToolInjection = "tool" / "signals" / "injection",
    RoutedFrom = "request" / "routed_from",
    ResultId = "tool_result" / "id",
    ResultName = "tool_result" / "name",
    ResultStatus = "tool_result" / "status",
    ResultBytes = "tool_result" / "bytes",
    ResultPii = "tool_result" / "signals" / "pii",
    ResultSecrets = "tool_result" / "signals" / "secrets",
    ResultInjection = "tool_result" / "signals" / "injection",
    ResponseStop = "response" / "stop_reason",
    ResponseInput = "response" / "usage" / "input",
    ResponseOutput = "response" / "usage" / "output",
    ResponseCharacters = "response" / "text_chars",
    ResponseTools = "response" / "tools",
    ResponseToolsDenied = "response" / "tools_denied",
    ResponseGuardrail = "response" / "guardrail" / "action",
    ResponsePartial = "response" / "partial",
    ResponseStream = "response" / "stream",
    ResponsePii = "response" / "signals" / "pii",
    ResponseSecrets = "response" / "signals" / "secrets",
    ResponseInjection = "response" / "signals" / "injection",
}

/// Every path of the document, without `input`.
#[cfg(test)]
pub(crate) fn paths() -> impl Iterator<Item = &'static [&'static str]> {
    Field::ALL.iter().map(|field| field.path())
}

/// Which facts the rules read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FieldSet(u128);

const _: () = assert!(Field::ALL.len() <= 128);

impl FieldSet {
    pub(crate) const EVERYTHING: FieldSet = FieldSet(u128::MAX);

    /// Facts at, above or below any of the paths.
    pub(crate) fn reading<'p>(paths: impl Iterator<Item = &'p [String]>) -> FieldSet {
        paths.fold(FieldSet(0), |set, path| {
            let touched = Field::ALL.iter().filter(|field| touches(path, field.path()));
            touched.fold(set, |set, field| set.with(*field))
        })
    }

    /// The tool arguments are parsed only where a rule reads them.
    pub(crate) fn everything_but_unread_arguments(self) -> FieldSet {
        let arguments = FieldSet(0).with(Field::ToolArguments);
        if self.contains(Field::ToolArguments) {
            FieldSet::EVERYTHING
        } else {
            FieldSet(FieldSet::EVERYTHING.0 & !arguments.0)
        }
    }

    fn with(self, field: Field) -> FieldSet {
        FieldSet(self.0 | (1 << (field as u32)))
    }

    fn contains(self, field: Field) -> bool {
        self.0 & (1 << (field as u32)) != 0
    }
}

fn touches(read: &[String], field: &[&str]) -> bool {
    read.iter().zip(field).all(|(read, field)| read == field)
}

/// What a field holds.
enum Fact<'q> {
    Text(&'q str),
    Written(String),
    Count(u64),
    Instant(i64),
    Real(f64),
    Flag(bool),
    Texts(&'q [String]),
    Methods(&'q [&'static str]),
    Pairs(&'q BTreeMap<String, String>),
    Members(&'q [(&'static str, String)]),
    /// Personal data only: secrets are counted apart.
    Findings(&'q BTreeMap<PiiType, u64>),
    Json(&'q str),
}

/// The arguments were said to be valid and are not JSON.
#[derive(Debug)]
pub(crate) struct UnreadableArguments;

/// The input document.
pub(crate) fn document(question: &Question<'_>, wanted: FieldSet) -> Result<Value, UnreadableArguments> {
    let mut root = Tree::default();
    let mut unreadable = false;
    facts(question, wanted, &mut |field, fact| match fact.value() {
        Some(value) => root.at(field.path()).leaf = Some(value),
        None => unreadable = true,
    });
    if question.request().is_some() {
        // There even when the caller set none.
        root.at(&["request", "params"]);
    }
    // Arguments nobody vouched for are simply absent; the validator's verdict is there for the rules.
    let vouched = matches!(question.subject, Subject::ToolUse { tool, .. } if tool.args_valid);
    if unreadable && vouched { Err(UnreadableArguments) } else { Ok(root.value()) }
}

/// The least a rule can be evaluated with: what `prepare` uses.
pub(crate) fn bare_document(action: Action) -> Value {
    let fields = [("v", Value::from(1_u64)), ("action", Value::from(action.name()))];
    Value::from(
        fields.map(|(name, value)| (Value::from(name), value)).into_iter().collect::<BTreeMap<_, _>>(),
    )
}

/// Names every fact the rules can have read, and so the decision: equal keys, equal decisions.
pub(crate) fn key(question: &Question<'_>, read: FieldSet) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(512);
    // Action, team and app choose the packages that are asked, whether or not a rule reads them.
    let principal = question.common.principal;
    for text in [question.action().name(), principal.team.as_str(), principal.app.as_str()] {
        write_text(&mut bytes, text);
    }
    facts(question, read, &mut |field, fact| {
        bytes.push(field as u8);
        fact.write(&mut bytes);
    });
    Sha256::digest(&bytes).into()
}

/// Lists the facts of a question, in a fixed order; those not wanted are skipped before they cost anything.
fn facts<'q>(question: &Question<'q>, wanted: FieldSet, emit: &mut dyn FnMut(Field, Fact<'q>)) {
    let mut list = List { wanted, emit };
    common_facts(&question.common, question.action(), &mut list);
    if let Some(model) = question.model() {
        model_facts(model, &mut list);
    }
    if let Some(request) = question.request() {
        request_facts(request, &mut list);
        list.optional_text(Field::RoutedFrom, question.common.routed_from);
    }
    match question.subject {
        Subject::ModelInvoke { .. } => {}
        Subject::EndpointInvoke { endpoint, .. } => endpoint_facts(endpoint, &mut list),
        Subject::KbRetrieve { kb, .. } => kb_facts(kb, &mut list),
        Subject::ApiCall { api, .. } => api_facts(api, &mut list),
        Subject::ToolUse { tool, .. } => tool_facts(tool, &mut list),
        Subject::ToolResult { result, .. } => result_facts(result, &mut list),
        Subject::ModelRespond { response, .. } => response_facts(response, &mut list),
    }
}

struct List<'l, 'q> {
    wanted: FieldSet,
    emit: &'l mut dyn FnMut(Field, Fact<'q>),
}

impl<'q> List<'_, 'q> {
    fn put(&mut self, field: Field, fact: Fact<'q>) {
        if self.wanted.contains(field) {
            (self.emit)(field, fact);
        }
    }

    /// For facts that cost something to write down.
    fn put_with(&mut self, field: Field, fact: impl FnOnce() -> Fact<'q>) {
        if self.wanted.contains(field) {
            (self.emit)(field, fact());
        }
    }

    /// Empty means unknown.
    fn text(&mut self, field: Field, text: &'q str) {
        if !text.is_empty() {
            self.put(field, Fact::Text(text));
        }
    }

    fn optional_text(&mut self, field: Field, text: Option<&'q str>) {
        if let Some(text) = text {
            self.put(field, Fact::Text(text));
        }
    }
}

fn common_facts<'q>(common: &Common<'q>, action: Action, list: &mut List<'_, 'q>) {
    let principal = common.principal;
    list.put(Field::Version, Fact::Count(1));
    list.put(Field::Action, Fact::Text(action.name()));
    list.put(Field::Service, Fact::Text(common.operation.service().name()));
    list.text(Field::Operation, common.operation.name());
    list.text(Field::Region, common.region);
    list.text(Field::PrincipalId, &principal.key_id);
    list.text(Field::PrincipalTeam, &principal.team);
    list.text(Field::PrincipalApp, &principal.app);
    list.optional_text(Field::PrincipalEnv, principal.env.as_deref());
    list.optional_text(Field::PrincipalUser, principal.user.as_deref());
    if !principal.groups.is_empty() {
        list.put(Field::PrincipalGroups, Fact::Texts(&principal.groups));
    }
    if !principal.claims.is_empty() {
        list.put(Field::PrincipalClaims, Fact::Pairs(&principal.claims));
    }
    list.put(Field::PrincipalVerified, Fact::Methods(&principal.verified));
    list.put(Field::SignalsPii, Fact::Findings(&common.signals.findings));
    list.put_with(Field::SignalsSecrets, || Fact::Count(common.signals.secrets()));
    list.put(Field::SignalsInjection, Fact::Real(score(common.signals.injection)));
    if let Some(ip) = common.ip {
        list.put_with(Field::Ip, || Fact::Written(ip.to_string()));
    }
    // Whole minutes: the facts of a request are then the same for a while, and so is the answer.
    time_facts(common.time_unix - common.time_unix.rem_euclid(60), list);
    if !common.metadata.is_empty() {
        list.put(Field::Metadata, Fact::Pairs(common.metadata));
    }
    // There even when there are none: a rule about a mark must not fall silent in a conversation without any.
    list.put(Field::SessionLabels, Fact::Texts(common.labels));
}

fn time_facts(unix: i64, list: &mut List<'_, '_>) {
    list.put(Field::TimeUnix, Fact::Instant(unix));
    // A time no calendar has leaves its parts unknown.
    let Ok(moment) = OffsetDateTime::from_unix_timestamp(unix) else { return };
    if list.wanted.contains(Field::TimeUtc)
        && let Ok(text) = moment.format(&Rfc3339)
    {
        list.put(Field::TimeUtc, Fact::Written(text));
    }
    list.put(Field::TimeHour, Fact::Count(moment.hour().into()));
    list.put(Field::TimeWeekday, Fact::Text(weekday(moment.weekday())));
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "mon",
        Weekday::Tuesday => "tue",
        Weekday::Wednesday => "wed",
        Weekday::Thursday => "thu",
        Weekday::Friday => "fri",
        Weekday::Saturday => "sat",
        Weekday::Sunday => "sun",
    }
}

fn model_facts<'q>(model: &'q ModelId, list: &mut List<'_, 'q>) {
    list.put(Field::ModelId, Fact::Text(model.as_str()));
    list.text(Field::ModelProvider, model.provider());
    list.text(Field::ModelFamily, model.family());
    list.put(Field::ModelKind, Fact::Text(model.kind().name()));
    list.optional_text(Field::ModelScope, model.scope());
    list.optional_text(Field::ModelRegion, model.region());
    list.optional_text(Field::ModelAccount, model.account());
}

fn request_facts<'q>(request: &'q RequestFacts, list: &mut List<'_, 'q>) {
    let messages = &request.messages;
    list.put(Field::RequestParsed, Fact::Flag(request.parsed));
    list.put(Field::RequestDialect, Fact::Text(request.dialect.name()));
    list.put(Field::RequestStream, Fact::Flag(request.stream));
    list.put(Field::RequestBytes, Fact::Count(coarse(request.body_bytes)));
    list.put(Field::RequestTokens, Fact::Count(coarse(request.est_tokens)));
    list.put(Field::RequestContentElsewhere, Fact::Flag(request.content_elsewhere));
    list.put(Field::RequestChoices, Fact::Count(request.choices));
    if let Some(max_tokens) = request.params.max_tokens {
        list.put(Field::MaxTokens, Fact::Count(max_tokens));
    }
    if let Some(temperature) = request.params.temperature {
        list.put(Field::Temperature, Fact::Real(temperature));
    }
    if let Some(top_p) = request.params.top_p {
        list.put(Field::TopP, Fact::Real(top_p));
    }
    list.put(Field::Messages, Fact::Count(messages.count));
    list.put(Field::UserMessages, Fact::Count(messages.user));
    list.put(Field::AssistantMessages, Fact::Count(messages.assistant));
    list.put(Field::Characters, Fact::Count(coarse(messages.text_bytes)));
    list.put(Field::Images, Fact::Count(messages.images));
    list.put(Field::Documents, Fact::Count(messages.documents));
    list.put(Field::ToolResults, Fact::Count(messages.tool_results));
    list.put(Field::SystemBlocks, Fact::Count(request.system_blocks));
    list.optional_text(Field::SystemDigest, request.system_sha256.as_deref());
    list.put(Field::Tools, Fact::Texts(&request.tools));
    list.optional_text(Field::ToolChoice, request.tool_choice.as_deref());
    list.put(Field::ToolsUnreadable, Fact::Flag(request.tools_unreadable));
    if let Some(guardrail) = &request.guardrail {
        list.put(Field::GuardrailId, Fact::Text(&guardrail.id));
        list.put(Field::GuardrailVersion, Fact::Text(&guardrail.version));
    }
    if !request.metadata.is_empty() {
        list.put(Field::RequestMetadata, Fact::Pairs(&request.metadata));
    }
}

fn endpoint_facts<'q>(endpoint: EndpointFacts<'q>, list: &mut List<'_, 'q>) {
    list.put(Field::EndpointName, Fact::Text(endpoint.name));
    list.optional_text(Field::EndpointComponent, endpoint.component);
    list.optional_text(Field::EndpointVariant, endpoint.variant);
    list.optional_text(Field::EndpointTargetModel, endpoint.target_model);
    list.put(Field::EndpointRouter, Fact::Flag(endpoint.router));
}

fn kb_facts<'q>(kb: KbFacts<'q>, list: &mut List<'_, 'q>) {
    list.put(Field::KbId, Fact::Text(kb.id));
    if let Some(results) = kb.facts.results {
        list.put(Field::KbResults, Fact::Count(results));
    }
    list.optional_text(Field::KbSearch, kb.facts.search.as_deref());
    list.put(Field::KbQueryCharacters, Fact::Count(coarse(kb.facts.query_chars)));
    list.put(Field::KbHasFilter, Fact::Flag(kb.facts.has_filter));
    list.put(Field::KbImplicitFilter, Fact::Flag(kb.facts.implicit_filter));
    list.put(Field::KbRerank, Fact::Flag(kb.facts.rerank));
    list.put(Field::KbGenerate, Fact::Flag(kb.facts.generate));
}

fn api_facts<'q>(api: ApiFacts<'q>, list: &mut List<'_, 'q>) {
    list.put(Field::ApiInspected, Fact::Flag(api.inspected));
    list.put(Field::ApiContentElsewhere, Fact::Flag(api.content_elsewhere));
    list.put(Field::ApiResource, Fact::Members(api.resource));
}

fn tool_facts<'q>(tool: ToolFacts<'q>, list: &mut List<'_, 'q>) {
    list.put(Field::ToolId, Fact::Text(tool.id));
    list.put(Field::ToolName, Fact::Text(tool.name));
    list.optional_text(Field::ToolGroup, tool.group);
    list.put(Field::ToolIndex, Fact::Count(tool.index));
    list.put(Field::ToolOf, Fact::Count(tool.of));
    list.put(Field::ToolDeclared, Fact::Flag(tool.declared));
    list.put(Field::ToolArguments, Fact::Json(tool.args_json));
    list.put(Field::ToolArgumentsValid, Fact::Flag(tool.args_valid));
    list.put(Field::ToolArgumentsErrors, Fact::Texts(tool.args_errors));
    list.put(Field::ToolArgumentsBytes, Fact::Count(length(tool.args_json.len())));
    list.put(Field::ToolPii, Fact::Findings(&tool.signals.findings));
    list.put_with(Field::ToolSecrets, || Fact::Count(tool.signals.secrets()));
    list.put(Field::ToolInjection, Fact::Real(score(tool.signals.injection)));
}

fn result_facts<'q>(result: ToolResultFacts<'q>, list: &mut List<'_, 'q>) {
    list.text(Field::ResultId, result.id);
    list.optional_text(Field::ResultName, result.name);
    list.put(Field::ResultStatus, Fact::Text(if result.failed { "error" } else { "success" }));
    list.put(Field::ResultBytes, Fact::Count(coarse(result.bytes)));
    list.put(Field::ResultPii, Fact::Findings(&result.signals.findings));
    list.put_with(Field::ResultSecrets, || Fact::Count(result.signals.secrets()));
    list.put(Field::ResultInjection, Fact::Real(score(result.signals.injection)));
}

fn response_facts<'q>(response: ResponseFacts<'q>, list: &mut List<'_, 'q>) {
    list.optional_text(Field::ResponseStop, response.stop_reason);
    if let Some((input, output)) = response.usage {
        list.put(Field::ResponseInput, Fact::Count(input));
        list.put(Field::ResponseOutput, Fact::Count(output));
    }
    list.put(Field::ResponseCharacters, Fact::Count(coarse(response.text_bytes)));
    list.put(Field::ResponseTools, Fact::Texts(response.tools));
    list.put(Field::ResponseToolsDenied, Fact::Texts(response.tools_denied));
    let action = if response.guardrail_intervened { "INTERVENED" } else { "NONE" };
    list.put(Field::ResponseGuardrail, Fact::Text(action));
    list.put(Field::ResponsePartial, Fact::Flag(response.partial));
    list.put(Field::ResponseStream, Fact::Flag(response.stream));
    list.put(Field::ResponsePii, Fact::Findings(&response.signals.findings));
    list.put_with(Field::ResponseSecrets, || Fact::Count(response.signals.secrets()));
    list.put(Field::ResponseInjection, Fact::Real(score(response.signals.injection)));
}

/// Rounded to two places, so that 0.8 is not 0.800000011920929 and thresholds mean what they say. A score
/// that is not a number counts as certain.
fn score(score: f32) -> f64 {
    if score.is_nan() { 1.0 } else { (f64::from(score) * 100.0).round() / 100.0 }
}

/// A size as rules see it: rounded up to four significant binary digits, at most 12.5 % above the truth and never
/// below it. Requests of about one size ask the same question, and a limit holds for each of them.
fn coarse(size: u64) -> u64 {
    let digits = u64::BITS - size.leading_zeros();
    let shift = digits.saturating_sub(4);
    size.div_ceil(1 << shift).checked_shl(shift).unwrap_or(u64::MAX)
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

impl Fact<'_> {
    /// `None` for text that should be JSON and is not.
    fn value(&self) -> Option<Value> {
        Some(match self {
            Fact::Text(text) => Value::from(*text),
            Fact::Written(text) => Value::from(text.as_str()),
            Fact::Count(count) => Value::from(*count),
            Fact::Instant(seconds) => Value::from(*seconds),
            Fact::Real(real) => Value::from(*real),
            Fact::Flag(flag) => Value::from(*flag),
            Fact::Texts(texts) => {
                Value::from(texts.iter().map(|text| Value::from(text.as_str())).collect::<Vec<_>>())
            }
            Fact::Methods(methods) => {
                Value::from(methods.iter().map(|method| Value::from(*method)).collect::<Vec<_>>())
            }
            Fact::Pairs(pairs) => {
                let pair = |(name, value): (&String, &String)| {
                    (Value::from(name.as_str()), Value::from(value.as_str()))
                };
                Value::from(pairs.iter().map(pair).collect::<BTreeMap<_, _>>())
            }
            Fact::Members(members) => {
                let member = |(name, value): &(&'static str, String)| {
                    (Value::from(*name), Value::from(value.as_str()))
                };
                Value::from(members.iter().map(member).collect::<BTreeMap<_, _>>())
            }
            Fact::Findings(findings) => {
                let counted =
                    personal(findings).map(|(kind, count)| (Value::from(kind.name()), Value::from(count)));
                Value::from(counted.collect::<BTreeMap<_, _>>())
            }
            Fact::Json(text) => Value::from_json_str(text).ok()?,
        })
    }

    /// Unambiguous bytes: the field fixes the kind, and a length stands before whatever varies.
    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Fact::Text(text) | Fact::Json(text) => write_text(bytes, text),
            Fact::Written(text) => write_text(bytes, text),
            Fact::Count(count) => bytes.extend(count.to_be_bytes()),
            Fact::Instant(seconds) => bytes.extend(seconds.to_be_bytes()),
            Fact::Real(real) => bytes.extend(real.to_bits().to_be_bytes()),
            Fact::Flag(flag) => bytes.push(u8::from(*flag)),
            Fact::Texts(texts) => {
                bytes.extend(length(texts.len()).to_be_bytes());
                texts.iter().for_each(|text| write_text(bytes, text));
            }
            Fact::Methods(methods) => {
                bytes.extend(length(methods.len()).to_be_bytes());
                methods.iter().for_each(|method| write_text(bytes, method));
            }
            Fact::Members(members) => {
                bytes.extend(length(members.len()).to_be_bytes());
                for (name, value) in *members {
                    write_text(bytes, name);
                    write_text(bytes, value);
                }
            }
            Fact::Pairs(pairs) => {
                bytes.extend(length(pairs.len()).to_be_bytes());
                for (name, value) in *pairs {
                    write_text(bytes, name);
                    write_text(bytes, value);
                }
            }
            Fact::Findings(findings) => {
                bytes.extend(length(personal(findings).count()).to_be_bytes());
                for (kind, count) in personal(findings) {
                    write_text(bytes, kind.name());
                    bytes.extend(count.to_be_bytes());
                }
            }
        }
    }
}

fn personal(findings: &BTreeMap<PiiType, u64>) -> impl Iterator<Item = (PiiType, u64)> {
    findings.iter().filter(|(kind, _)| !kind.is_secret()).map(|(kind, count)| (*kind, *count))
}

fn write_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(length(text.len()).to_be_bytes());
    bytes.extend(text.as_bytes());
}

/// The document while it grows: a value, or members.
#[derive(Default)]
struct Tree {
    leaf: Option<Value>,
    members: BTreeMap<&'static str, Tree>,
}

impl Tree {
    fn at(&mut self, path: &'static [&'static str]) -> &mut Tree {
        match path.split_first() {
            None => self,
            Some((name, below)) => self.members.entry(name).or_default().at(below),
        }
    }

    fn value(self) -> Value {
        match self.leaf {
            Some(leaf) => leaf,
            None => {
                let members = self.members.into_iter().map(|(name, tree)| (Value::from(name), tree.value()));
                Value::from(members.collect::<BTreeMap<_, _>>())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::samples::{Dice, Sample};

    fn all(question: &Question<'_>) -> Value {
        document(question, FieldSet::EVERYTHING).unwrap()
    }

    fn rego(json: serde_json::Value) -> Value {
        Value::from_json_str(&json.to_string()).unwrap()
    }

    fn reading(paths: &[&str]) -> FieldSet {
        let paths: Vec<Vec<String>> =
            paths.iter().map(|path| path.split_terminator('.').map(str::to_owned).collect()).collect();
        FieldSet::reading(paths.iter().map(Vec::as_slice))
    }

    #[test]
    fn the_document_of_a_model_invocation_is_the_documented_one() {
        let expected = serde_json::json!({
            "v": 1, "action": "model:invoke",
            "api": {"service": "bedrock-runtime", "operation": "Converse", "region": "us-east-1"},
            "principal": {"id": "AKIDSAMPLE", "team": "payments", "app": "orders-bot", "verified": ["sigv4"]},
            "signals": {"pii": {"EMAIL": 2}, "secrets": 1, "injection": 0.8},
            "time": {"unix": 1_795_356_000, "utc": "2026-11-22T14:00:00Z", "hour": 14, "weekday": "sun"},
            "session": {"labels": []},
            "model": {"id": "us.anthropic.claude-sonnet-4-20250514-v1:0", "provider": "anthropic",
                "family": "claude-sonnet-4", "kind": "inference_profile", "scope": "us"},
            "request": {"parsed": true, "dialect": "converse", "stream": false, "bytes": 2048,
                "est_tokens": 512, "content_elsewhere": false, "choices": 1,
                "params": {"max_tokens": 2048},
                "messages": {"count": 2, "by_role": {"user": 1, "assistant": 1}, "chars": 104, "images": 0,
                    "documents": 0, "tool_results": 0},
                "system": {"count": 0}, "tools": ["get_weather"], "tools_unreadable": false}
        });
        assert_eq!(all(&Sample::invoke().question()), rego(expected));
    }

    #[test]
    fn the_document_of_a_tool_call_holds_its_arguments() {
        let sample = Sample::tool_use();
        let document = all(&sample.question());
        let expected = serde_json::json!({
            "id": "tooluse_1", "name": "get_weather", "index": 1, "of": 1, "declared": true,
            "args": {"city": "Oslo"}, "args_valid": true, "args_errors": [], "args_bytes": 15,
            "signals": {"pii": {}, "secrets": 0, "injection": 0}
        });
        assert_eq!(document["tool"], rego(expected));
        assert_eq!(document["request"], Value::Undefined);
    }

    #[test]
    fn results_and_answers_are_described() {
        let document = all(&Sample::tool_result().question());
        let expected = serde_json::json!({
            "id": "tooluse_1", "name": "get_weather", "status": "success", "bytes": 104,
            "signals": {"pii": {}, "secrets": 0, "injection": 0}
        });
        assert_eq!(document["tool_result"], rego(expected));
        let document = all(&Sample::respond().question());
        let expected = serde_json::json!({
            "stop_reason": "end_turn", "usage": {"input": 500, "output": 20}, "text_chars": 104,
            "tools": [], "tools_denied": [], "guardrail": {"action": "NONE"}, "partial": false, "stream": false,
            "signals": {"pii": {}, "secrets": 0, "injection": 0}
        });
        assert_eq!(document["response"], rego(expected));
    }

    #[test]
    fn marks_and_routes_are_told() {
        let mut sample = Sample::invoke();
        sample.labels = vec!["untrusted".into()];
        sample.routed_from = Some("amazon.nova-pro-v1:0".into());
        let document = all(&sample.question());
        assert_eq!(document["session"]["labels"], rego(serde_json::json!(["untrusted"])));
        assert_eq!(document["request"]["routed_from"], Value::from("amazon.nova-pro-v1:0"));
        sample.action = Action::ToolUse;
        assert_eq!(all(&sample.question())["request"], Value::Undefined);
    }

    #[test]
    fn each_action_has_its_own_subject_and_no_other() {
        let subjects = ["model", "endpoint", "kb", "tool", "tool_result", "response", "request"];
        for (sample, expected) in [
            (Sample::invoke(), vec!["model", "request"]),
            (Sample::invoke_endpoint(), vec!["endpoint", "request"]),
            (Sample::retrieve(), vec!["kb", "request"]),
            (Sample::call_api(), vec!["request"]),
            (Sample::tool_use(), vec!["model", "tool"]),
            (Sample::tool_result(), vec!["model", "tool_result"]),
            (Sample::respond(), vec!["model", "response"]),
        ] {
            let document = all(&sample.question());
            assert_eq!(document["action"], Value::from(sample.action.name()));
            let present = subjects.into_iter().filter(|name| document[*name] != Value::Undefined);
            assert_eq!(present.collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn endpoints_knowledge_bases_and_calls_are_described() {
        let endpoint = all(&Sample::invoke_endpoint().question());
        assert_eq!(endpoint["api"]["service"], Value::from("sagemaker-runtime"));
        let expected = serde_json::json!({"name": "llama-prod", "component": "ic-1", "router": false});
        assert_eq!(endpoint["endpoint"], rego(expected));
        let kb = all(&Sample::retrieve().question());
        let expected = serde_json::json!({
            "id": "KB12345678", "results": 5, "search": "HYBRID", "query_chars": 64, "has_filter": false,
            "implicit_filter": false, "rerank": false, "generate": false
        });
        assert_eq!(kb["kb"], rego(expected));
        let expected = serde_json::json!({
            "service": "bedrock-agent-runtime", "operation": "InvokeAgent", "region": "us-east-1",
            "inspected": true, "content_elsewhere": false, "resource": {"agentId": "AGENT12345"}
        });
        assert_eq!(all(&Sample::call_api().question())["api"], rego(expected));
    }

    #[test]
    fn a_call_without_model_or_body_has_neither() {
        let mut sample = Sample::call_api();
        sample.has_request = false;
        let document = all(&sample.question());
        assert_eq!((&document["request"], &document["model"]), (&Value::Undefined, &Value::Undefined));
        let mut sample = Sample::tool_use();
        sample.has_model = false;
        assert_eq!(all(&sample.question())["model"], Value::Undefined);
    }

    #[test]
    fn groups_claims_and_every_proof_of_the_caller_are_told() {
        let mut sample = Sample::invoke();
        sample.principal.verified = vec!["sigv4", "mtls"];
        sample.principal.groups = vec!["oncall".into()];
        sample.principal.claims = BTreeMap::from([("tenant".into(), "t-9".into())]);
        let document = all(&sample.question());
        let principal = &document["principal"];
        assert_eq!(principal["verified"], rego(serde_json::json!(["sigv4", "mtls"])));
        assert_eq!(principal["groups"], rego(serde_json::json!(["oncall"])));
        assert_eq!(principal["claims"], rego(serde_json::json!({"tenant": "t-9"})));
    }

    #[test]
    fn nothing_in_a_document_is_null() {
        let mut dice = Dice(7);
        for _ in 0..200 {
            let document = all(&Sample::random(&mut dice).question());
            assert!(!document.to_json_str().unwrap().contains("null"));
        }
    }

    #[test]
    fn arguments_that_are_not_json_are_absent_and_never_vouched_for() {
        let mut sample = Sample::tool_use();
        sample.args_json = "{\"city\": ".into();
        assert!(document(&sample.question(), FieldSet::EVERYTHING).is_err());
        sample.args_valid = false;
        assert_eq!(all(&sample.question())["tool"]["args"], Value::Undefined);
        let unread = reading(&["action"]).everything_but_unread_arguments();
        sample.args_valid = true;
        assert!(document(&sample.question(), unread).is_ok());
    }

    #[test]
    fn no_field_lies_inside_another() {
        for outer in Field::ALL {
            for inner in Field::ALL.iter().filter(|inner| *inner != outer) {
                assert!(!inner.path().starts_with(outer.path()));
            }
        }
    }

    #[test]
    fn reading_covers_what_is_above_and_below() {
        let contains = |paths: &[&str], field| reading(paths).contains(field);
        assert!(contains(&["request"], Field::Temperature));
        assert!(contains(&["request.params.temperature"], Field::Temperature));
        assert!(contains(&["tool.args.url.host"], Field::ToolArguments));
        assert!(contains(&[""], Field::TimeUnix));
        assert!(!contains(&["request.params.temperature"], Field::MaxTokens));
        assert!(!contains(&["session.labels", "requests"], Field::Temperature));
        assert!(contains(&["session.labels"], Field::SessionLabels));
        assert!(contains(&["api.resource.agentId"], Field::ApiResource));
        assert!(contains(&["kb"], Field::KbGenerate));
        assert!(!contains(&[], Field::Action));
    }

    #[test]
    fn the_key_changes_with_what_is_read_and_with_nothing_else() {
        let read = reading(&["model.id", "request.params.temperature"]);
        let base = Sample::invoke();
        let changed = |change: &dyn Fn(&mut Sample)| {
            let mut sample = Sample::invoke();
            change(&mut sample);
            key(&sample.question(), read) != key(&base.question(), read)
        };
        assert!(!changed(&|_| {}));
        assert!(!changed(&|sample| sample.request.body_bytes += 1));
        assert!(!changed(&|sample| sample.time_unix += 1));
        assert!(!changed(&|sample| sample.signals.injection = 0.1));
        assert!(changed(&|sample| sample.request.params.temperature = Some(0.0)));
        assert!(changed(&|sample| sample.model = "amazon.nova-lite-v1:0".into()));
        assert!(changed(&|sample| sample.principal.team = "other".into()));
        assert!(changed(&|sample| sample.principal.app = "other".into()));
    }

    #[test]
    fn keys_tell_lists_and_members_apart() {
        let read = reading(&["principal", "api.resource"]);
        let of = |change: &dyn Fn(&mut Sample)| {
            let mut sample = Sample::call_api();
            change(&mut sample);
            key(&sample.question(), read)
        };
        let keys = [
            of(&|_| {}),
            of(&|sample| sample.principal.verified = vec!["sig", "v4"]),
            of(&|sample| sample.principal.groups = vec!["a".into(), "b".into()]),
            of(&|sample| sample.principal.groups = vec!["ab".into()]),
            of(&|sample| sample.resource = vec![("agentId", "OTHER".into())]),
            of(&|sample| sample.resource = Vec::new()),
        ];
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    }

    #[test]
    fn different_documents_have_different_keys() {
        let mut dice = Dice(11);
        let mut documents = BTreeSet::new();
        let mut keys = BTreeSet::new();
        for _ in 0..500 {
            let sample = Sample::random(&mut dice);
            documents.insert(all(&sample.question()));
            keys.insert(key(&sample.question(), FieldSet::EVERYTHING));
        }
        assert!(documents.len() <= keys.len());
    }

    #[test]
    fn what_is_too_large_is_named_on_both_sides_of_the_bound() {
        let mut sample = Sample::invoke();
        sample.request.tools = vec!["t".into(); TOOLS_MAX];
        assert_eq!(sample.question().oversized(), None);
        sample.request.tools.push("t".into());
        assert_eq!(sample.question().oversized(), Some("tools"));
        for action in [Action::EndpointInvoke, Action::KbRetrieve, Action::ApiCall] {
            sample.action = action;
            assert_eq!(sample.question().oversized(), Some("tools"));
        }
        let mut sample = Sample::retrieve();
        sample.principal.groups = vec!["g".into(); GROUPS_MAX];
        assert_eq!(sample.question().oversized(), None);
        sample.principal.groups.push("g".into());
        assert_eq!(sample.question().oversized(), Some("groups"));
        let mut sample = Sample::tool_use();
        sample.args_json = "x".repeat(ARGUMENTS_BYTES_MAX);
        assert_eq!(sample.question().oversized(), None);
        sample.args_json.push('x');
        assert_eq!(sample.question().oversized(), Some("arguments"));
    }

    #[test]
    fn scores_are_rounded_and_nonsense_is_certain() {
        assert_eq!((score(0.8), score(0.0), score(1.0), score(f32::NAN)), (0.8, 0.0, 1.0, 1.0));
    }
}
