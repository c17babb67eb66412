//! What tokens stand for, shared by the requests of a conversation and by all replicas, where that is configured.
//!
//! A model's side may remember a token that a former request put in a value's place: the session of an agent, a stored
//! conversation, a tool's result. Before a request is masked, what its conversation shared so far is taken into its
//! vault; after that, what it replaced by tokens itself is sealed and shared. The store learns nothing by it: see
//! [`hardpan_filters::replacement::shared`]. Placeholders and made-up values are not shared, as they mean something
//! within one request alone, and neither is anything policy does not let be put back.
//!
//! A store that is away never keeps a request from being masked. What cannot be loaded stays a token in the answer; what
//! cannot be shared is told in record and metrics, or refuses the request, as configured.

mod store;

use std::fmt::Write as _;
use std::time::Duration;

use hardpan_filters::replacement::RedactionKey;
use hardpan_filters::replacement::shared::{self, SealError, Sealed, SharedScope};
use hardpan_filters::vault::{Renews, Vault};
use hardpan_inference::codec::Request;
use hardpan_inference::finding::PiiType;
use hardpan_inference::operation::Service;
use hardpan_telemetry::audit::AuditSharedValues;
use hardpan_telemetry::metrics;
use redis::{Cmd, Value};
use zeroize::Zeroizing;

pub use self::store::StoreSettings;
use self::store::{Store, StoreError};
use crate::clearance::{Asker, Clearance, first_message};
use crate::record::Draft;
use crate::refusal::Refusal;

/// Values of one scope that are looked at, whatever the store holds.
pub const VALUES_MOST: usize = 4096;

/// Up to so many are opened in the turn of the event loop, some microseconds each.
const OPEN_INLINE_MAX: usize = 256;

/// What the scopes of KEYS hold, and another while to live for each. One that holds more than ARGV[2] is not read.
const LOAD: &str = "
local held = {}
for at = 1, #KEYS do
  redis.call('PEXPIRE', KEYS[at], ARGV[1])
  local is_read = redis.call('HLEN', KEYS[at]) <= tonumber(ARGV[2])
  held[at] = is_read and redis.call('HGETALL', KEYS[at]) or false
end
return held";

/// Adds pairs of field and value to a scope up to a count, and says how many had no place.
const KEEP: &str = "
local count, over = redis.call('HLEN', KEYS[1]), 0
for at = 3, #ARGV, 2 do
  local is_new = redis.call('HEXISTS', KEYS[1], ARGV[at]) == 0
  if is_new and count >= tonumber(ARGV[2]) then
    over = over + 1
  else
    redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
    if is_new then count = count + 1 end
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return over";

/// What sharing is to be like. No `Debug`: it holds a key, and addresses may carry a password.
#[derive(Clone)]
pub struct SharingConfig {
    pub store: StoreSettings,
    /// Replicas of one namespace share.
    pub namespace: String,
    /// How long a scope lives after its last request.
    pub ttl: Duration,
    pub values_max: usize,
    /// A request whose values cannot be shared is turned away.
    pub refuses_unshared: bool,
    /// The redaction key before the present one: what was shared under it can still be read.
    pub previous_key: Option<Zeroizing<String>>,
}

pub struct Sharing {
    config: SharingConfig,
    previous: Option<RedactionKey>,
    store: Store,
}

impl Sharing {
    pub fn open(config: SharingConfig) -> std::io::Result<Self> {
        let previous = config.previous_key.as_deref().map(|key| RedactionKey::new(key));
        Ok(Self { store: Store::open(config.store.clone())?, previous, config })
    }

    /// The braces keep the keys of a namespace in one slot of a cluster.
    fn key(&self, scope: &SharedScope) -> String {
        let mut key = format!("{{{}}}:pii:", self.config.namespace);
        for byte in scope.name() {
            let _ = write!(key, "{byte:02x}");
        }
        key
    }

    fn ttl_ms(&self) -> u64 {
        u64::try_from(self.config.ttl.as_millis()).unwrap_or(u64::MAX)
    }

    fn load(&self, scopes: &[SharedScope]) -> Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(LOAD).arg(scopes.len());
        for scope in scopes {
            command.arg(self.key(scope));
        }
        command.arg(self.ttl_ms()).arg(VALUES_MOST);
        command
    }

    fn keep(&self, scope: &SharedScope, values: &[Sealed]) -> Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(KEEP).arg(1).arg(self.key(scope)).arg(self.ttl_ms()).arg(self.config.values_max);
        for Sealed { field, bytes } in values {
            command.arg(field).arg(bytes.as_slice());
        }
        command
    }
}

/// What stands for what in one request. No `Debug`.
pub struct Mapping {
    pub vault: Vault,
    /// None: nothing is shared.
    scope: Option<SharedScope>,
}

/// The mapping a request begins with: empty, or what its conversation shared so far.
pub async fn begin(
    asker: &Asker<'_>,
    clearance: &Clearance,
    request: &Request<'_>,
    draft: &mut Draft,
) -> Mapping {
    let conversation = conversation(asker, request);
    let mut vault = match clearance.redact() {
        Some(_) => Vault::new(asker.redaction_keys(&conversation)),
        None => Vault::default(),
    };
    let snapshot = asker.snapshot;
    // Without a policy nothing is ever masked, and without a conversation there is nothing to go on.
    let sharing = snapshot.sharing.as_ref().filter(|_| snapshot.policy.is_some() && !conversation.is_empty());
    let Some(sharing) = sharing else { return Mapping { vault, scope: None } };
    let principal_scope = asker.redaction_scope(&conversation);
    let keys = [Some(&snapshot.redaction), sharing.previous.as_ref()];
    let scopes: Vec<SharedScope> =
        keys.into_iter().flatten().map(|key| key.shared(&principal_scope)).collect();
    let note = draft.shared_values.get_or_insert_default();
    match sharing.store.ask(sharing.load(&scopes)).await.map(|held| read_off_turn(&scopes, held)) {
        Ok(Some(loaded)) => {
            metrics::shared_values_call("load", "ok");
            take_in(&mut vault, clearance, loaded, note);
        }
        Ok(None) => failed("load", StoreError::Refused, &mut note.load_error),
        Err(error) => failed("load", error, &mut note.load_error),
    }
    draft.stage("shared_load");
    Mapping { vault, scope: scopes.into_iter().next() }
}

/// Shares what the request replaced by tokens and nobody knows yet.
pub async fn keep(asker: &Asker<'_>, mapping: &Mapping, draft: &mut Draft) -> Result<(), Refusal> {
    let (Some(sharing), Some(scope)) = (&asker.snapshot.sharing, &mapping.scope) else { return Ok(()) };
    let note = draft.shared_values.get_or_insert_default();
    let (mut sealed, mut over) = (Vec::new(), 0);
    for (token, value) in mapping.vault.own_tokens() {
        if sealed.len() >= sharing.config.values_max {
            over += 1;
            continue;
        }
        match scope.seal(token, value) {
            Ok(one) => sealed.push(one),
            Err(SealError::TooLong) => {
                metrics::shared_values("too_long", 1);
                note.not_kept += 1;
            }
            Err(SealError::NoToken | SealError::NoRandom) => {
                metrics::shared_values("unsealed", 1);
                note.not_kept += 1;
            }
        }
    }
    if sealed.is_empty() {
        return Ok(());
    }
    let asked = sealed.len() as u64;
    match sharing.store.ask(sharing.keep(scope, &sealed)).await {
        Ok(answer) => {
            metrics::shared_values_call("keep", "ok");
            let no_place = match answer {
                Value::Int(count) => u64::try_from(count).unwrap_or_default().min(asked),
                _ => 0,
            };
            let full = over + no_place;
            metrics::shared_values("full", full);
            metrics::shared_values("kept", asked - no_place);
            note.kept += asked - no_place;
            note.not_kept += full;
            draft.stage("shared_keep");
            Ok(())
        }
        Err(error) => {
            failed("keep", error, &mut note.keep_error);
            note.not_kept += asked + over;
            draft.stage("shared_keep");
            match sharing.config.refuses_unshared {
                true => Err(Refusal::SharedValuesUnavailable),
                false => Ok(()),
            }
        }
    }
}

fn failed(call: &'static str, error: StoreError, noted: &mut Option<&'static str>) {
    metrics::shared_values_call(call, error.name());
    tracing::debug!(call, error = error.name(), "shared values");
    *noted = Some(error.name());
}

/// What a store says it holds: of each scope pairs of a field and a sealed value, none where it has too many. None of
/// what is no such answer.
type Held = Vec<(Vec<u8>, Vec<u8>)>;

struct Loaded {
    kind: PiiType,
    token: Zeroizing<String>,
    value: Zeroizing<String>,
    renews: Renews,
}

/// What opened, and how much did not.
struct Opened {
    values: Vec<Loaded>,
    unopened: u64,
}

/// Opening many values would hold up other requests on the thread.
fn read_off_turn(scopes: &[SharedScope], held: Value) -> Option<Opened> {
    let parts = |held: &Value| if let Value::Array(parts) = held { parts.len() } else { 0 };
    let fields: usize = if let Value::Array(held) = &held { held.iter().map(parts).sum() } else { 0 };
    match fields > 2 * OPEN_INLINE_MAX {
        true => tokio::task::block_in_place(|| read(scopes, held)),
        false => read(scopes, held),
    }
}

fn read(scopes: &[SharedScope], held: Value) -> Option<Opened> {
    let Value::Array(held) = held else { return None };
    let mut opened = Opened { values: Vec::new(), unopened: 0 };
    if held.len() > scopes.len() {
        return None;
    }
    for (index, (scope, held)) in scopes.iter().zip(held).enumerate() {
        // What was shared under the former key is shared anew under the present one.
        let renews = if index == 0 { Renews::No } else { Renews::Yes };
        for (field, bytes) in pairs(held)? {
            match scope.open(&field, &bytes) {
                Some(value) => {
                    let shared::Opened { kind, token, value } = value;
                    opened.values.push(Loaded { kind, token, value, renews });
                }
                None => opened.unopened += 1,
            }
        }
    }
    Some(opened)
}

fn pairs(held: Value) -> Option<Held> {
    let parts = match held {
        Value::Array(parts) => parts,
        Value::Nil => {
            metrics::bound_hit("shared_values_most");
            return Some(Vec::new());
        }
        _ => return None,
    };
    let mut parts = parts.into_iter().take(2 * VALUES_MOST);
    let mut pairs = Vec::with_capacity(parts.len() / 2);
    while let (Some(field), Some(bytes)) = (parts.next(), parts.next()) {
        let (Value::BulkString(field), Value::BulkString(bytes)) = (field, bytes) else { return None };
        pairs.push((field, bytes));
    }
    Some(pairs)
}

/// Values that the present decision keeps out of answers stay tokens, whatever an earlier one said.
fn take_in(vault: &mut Vault, clearance: &Clearance, opened: Opened, note: &mut AuditSharedValues) {
    let mut loaded = 0;
    for Loaded { kind, token, value, renews } in opened.values {
        let is_restored = clearance.redact().is_none_or(|redact| redact.restores(kind));
        loaded += u64::from(is_restored && vault.remember(&token, value, renews));
    }
    metrics::shared_values("loaded", loaded);
    metrics::shared_values("unopened", opened.unopened);
    note.loaded += loaded;
    note.unopened += opened.unopened;
}

/// Members of a path or query that name a conversation the service keeps.
const SESSION_MEMBERS: [&str; 2] = ["sessionId", "sessionIdentifier"];
/// Headers that do.
const SESSION_HEADERS: [&str; 4] = [
    "x-amzn-bedrock-agentcore-runtime-session-id",
    "x-amzn-code-interpreter-session-id",
    "x-amzn-browser-session-id",
    "mcp-session-id",
];

/// What a conversation is known by where its values are replaced: the session the service keeps it under, or the message
/// it began with, which every later request holds again. Empty where there is neither.
fn conversation(asker: &Asker<'_>, request: &Request<'_>) -> String {
    let in_path = SESSION_MEMBERS.iter().find_map(|name| asker.target.member(name)).map(str::to_owned);
    let in_headers = || {
        let header = SESSION_HEADERS.iter().find_map(|name| asker.headers.get(*name))?;
        Some(header.to_str().ok()?.to_owned())
    };
    let in_body = || {
        let keeps = matches!(asker.operation.service(), Service::AgentRuntime | Service::AgentCore);
        let document = keeps.then_some(&request.document)?;
        let id = document.string(document.get(document.root(), "sessionId")?)?;
        Some(id.into_owned())
    };
    let session = in_path.or_else(in_headers).or_else(in_body).filter(|id| !id.is_empty());
    // No message begins like this that a person wrote; and whoever writes one speaks to itself.
    session.map_or_else(|| first_message(request), |id| format!("\u{0}session {id}"))
}

#[cfg(test)]
mod tests {
    use hardpan_filters::replacement::Scope;

    use super::*;

    const TOKEN: &str = "{EMAIL:k3x9q2vd}";

    fn scope(key: &RedactionKey) -> SharedScope {
        key.shared(&Scope { team: "t", app: "a", user: None, conversation: "c" })
    }

    fn sharing(values_max: usize) -> Sharing {
        Sharing::open(SharingConfig {
            store: StoreSettings { urls: Vec::new(), timeout: Duration::from_secs(1) },
            namespace: "shared".to_owned(),
            ttl: Duration::from_secs(60),
            values_max,
            refuses_unshared: false,
            previous_key: None,
        })
        .unwrap()
    }

    fn held(values: Vec<Sealed>) -> Value {
        let parts = values.into_iter().flat_map(|Sealed { field, bytes }| [field.to_vec(), bytes]);
        Value::Array(parts.map(Value::BulkString).collect())
    }

    #[test]
    fn what_opens_is_read_and_what_does_not_is_counted() {
        let keys = [RedactionKey::new("present"), RedactionKey::new("former")];
        let scopes = keys.each_ref().map(scope);
        let strange = scope(&RedactionKey::new("another")).seal(TOKEN, "strange").unwrap();
        let present = held(vec![scopes[0].seal(TOKEN, "ann@mail.test").unwrap(), strange]);
        let former = held(vec![scopes[1].seal("{EMAIL:00000000}", "bob@mail.test").unwrap()]);
        let opened = read(&scopes, Value::Array(vec![present, former])).unwrap();
        let values: Vec<_> =
            opened.values.iter().map(|one| (one.token.as_str(), one.value.as_str(), one.renews)).collect();
        assert_eq!(
            values,
            [(TOKEN, "ann@mail.test", Renews::No), ("{EMAIL:00000000}", "bob@mail.test", Renews::Yes)]
        );
        assert_eq!(opened.unopened, 1);
    }

    #[test]
    fn answers_of_another_shape_are_none() {
        let scopes = [scope(&RedactionKey::new("present"))];
        let (nil, bulk) = (|| Value::Nil, || Value::BulkString(b"x".to_vec()));
        for shape in [
            Value::Nil,
            Value::Int(1),
            bulk(),
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![Value::Array(vec![bulk(), Value::Int(1)])]),
            Value::Array(vec![nil(), nil()]),
        ] {
            assert!(read(&scopes, shape).is_none());
        }
        for nothing in
            [Value::Array(vec![nil()]), Value::Array(vec![Value::Array(vec![bulk()])]), Value::Array(vec![])]
        {
            assert!(read(&scopes, nothing).unwrap().values.is_empty());
        }
    }

    #[test]
    fn a_command_names_nobody_and_shows_no_value() {
        let sharing = sharing(8);
        let key = RedactionKey::new("present");
        let scope = key.shared(&Scope {
            team: "team-x",
            app: "app-x",
            user: Some("user-x"),
            conversation: "hello-x",
        });
        let sealed = [scope.seal(TOKEN, "ann@mail.test").unwrap()];
        for command in [
            sharing.load(&[scope]),
            sharing.keep(
                &key.shared(&Scope { team: "team-x", app: "app-x", user: None, conversation: "hello-x" }),
                &sealed,
            ),
        ] {
            let packed = command.get_packed_command();
            for word in ["team-x", "app-x", "user-x", "hello-x", "ann@", "mail.test", "k3x9q2vd", "EMAIL"] {
                assert!(!packed.windows(word.len()).any(|window| window == word.as_bytes()), "{word}");
            }
        }
    }
}
