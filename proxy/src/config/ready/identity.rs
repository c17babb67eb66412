//! How callers are known: the validated form of `identity`, `keys_file`, `credentials_endpoint` and the client part
//! of `tls`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hardpan_inference::operation::{Operation, Service};
use zeroize::Zeroizing;

use super::super::text::Text;
use super::super::written;
use super::Builder;
use crate::fetch::Address;
use crate::identity::signature::ALGORITHMS;
use crate::identity::{CertificateName, CertificateRule, JwksSource, JwtConfig, Prefix};

const NAME_BYTES_MAX: usize = 64;
const TOKEN_BYTES_MIN: usize = 16;

#[derive(Default)]
pub struct IdentityConfig {
    pub keys_file: Option<PathBuf>,
    pub refuse_replays: bool,
    pub replay_signatures_max: usize,
    pub jwt: Option<Arc<JwtConfig>>,
    pub certificates: Vec<CertificateRule>,
    /// Whoever calls is this app.
    pub fixed: Option<App>,
    pub prefixes: Vec<Prefix>,
    pub credentials: Option<CredentialsEndpointConfig>,
}

/// Whom a caller acts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    pub app: String,
    pub team: String,
    pub env: Option<String>,
}

/// Where apps fetch short-lived keys. No `Debug`: it holds secrets.
pub struct CredentialsEndpointConfig {
    pub listen: SocketAddr,
    pub ttl_s: u32,
    pub apps: Vec<CredentialsClient>,
    /// None: one of this process alone.
    pub master_secret: Option<Zeroizing<String>>,
}

pub struct CredentialsClient {
    pub app: App,
    pub token: Zeroizing<String>,
}

pub use super::super::written::ClientCertificates;

/// What other sections say.
pub(super) struct Beside {
    pub listen: Option<SocketAddr>,
    pub asks_certificates: bool,
    pub clock_skew_max_s: i64,
}

impl Builder<'_> {
    pub(super) fn identity(
        &mut self,
        written: written::Identity,
        keys_file: Option<Text>,
        endpoint: Option<written::CredentialsEndpoint>,
        beside: &Beside,
    ) -> IdentityConfig {
        if written.fixed.is_some() {
            let alone = written.jwt.is_none() && written.mtls.is_empty() && endpoint.is_none();
            if !alone {
                let fix = "leave identity.jwt, identity.mtls and credentials_endpoint out, or identity.fixed";
                self.problem("identity.fixed", "another way of knowing callers stands beside it", fix);
            }
            if beside.listen.is_some_and(|listen| !listen.ip().is_loopback()) {
                let fix = "listen on 127.0.0.1 or ::1";
                self.problem("identity.fixed", "whoever reaches the port would be this app", fix);
            }
        }
        let fixed = written.fixed.map(|fixed| self.app("identity.fixed", fixed));
        let replay = written.replay;
        let signatures = written.replay_signatures_max.unwrap_or(500_000);
        if signatures == 0 {
            self.problem("identity.replay_signatures_max", "zero", "leave it out for 500000");
        }
        IdentityConfig {
            keys_file: keys_file.map(|file| self.file("keys_file", &file)),
            refuse_replays: replay == written::Replay::Refuse,
            replay_signatures_max: signatures,
            jwt: written.jwt.and_then(|jwt| self.jwt(jwt, beside)).map(Arc::new),
            certificates: self.certificates(written.mtls, beside),
            fixed,
            prefixes: self.prefixes(written.prefixes),
            credentials: endpoint
                .and_then(|endpoint| self.credentials_endpoint(endpoint, written.master_secret)),
        }
    }

    fn app(&mut self, place: &str, written: written::AppName) -> App {
        for (member, text) in
            [("app", Some(&written.app)), ("team", Some(&written.team)), ("env", written.env.as_ref())]
        {
            if text.is_some_and(|text| text.0.is_empty() || text.0.len() > NAME_BYTES_MAX) {
                let fix = "name the app and its team";
                self.problem(format!("{place}.{member}"), "empty or over 64 bytes", fix);
            }
        }
        App { app: written.app.0, team: written.team.0, env: written.env.map(|env| env.0) }
    }

    fn jwt(&mut self, written: written::Jwt, beside: &Beside) -> Option<JwtConfig> {
        for (member, text) in [
            ("issuer", Some(&written.issuer)),
            ("audience", Some(&written.audience)),
            ("app_claim", Some(&written.app_claim)),
            ("team_claim", Some(&written.team_claim)),
            ("user_claim", written.user_claim.as_ref()),
            ("groups_claim", written.groups_claim.as_ref()),
        ] {
            if text.is_some_and(|text| text.0.is_empty()) {
                self.problem(format!("identity.jwt.{member}"), "empty", "give it its value");
            }
        }
        let algorithms = match written.algorithms {
            None => ALGORITHMS.to_vec(),
            Some(names) => {
                let known =
                    |name: &Text| ALGORITHMS.into_iter().find(|algorithm| format!("{algorithm:?}") == name.0);
                let known: Option<Vec<_>> = names.iter().map(known).collect();
                if known.as_ref().is_none_or(Vec::is_empty) {
                    let fix = "write names such as RS256, ES256 or EdDSA; shared secrets are not taken";
                    self.problem("identity.jwt.algorithms", "not public-key algorithms", fix);
                }
                known.unwrap_or_default()
            }
        };
        let refresh_s = written.jwks_refresh_s.unwrap_or(300);
        if !(1..=86_400).contains(&refresh_s) {
            self.problem("identity.jwt.jwks_refresh_s", "not between 1 and 86400", "leave it out for 300");
        }
        Some(JwtConfig {
            issuer: written.issuer.0,
            audience: written.audience.0,
            source: self.jwks(written.jwks_file, written.jwks_url, written.jwks_ca)?,
            refresh: Duration::from_secs(refresh_s),
            algorithms,
            app_claim: written.app_claim.0,
            team_claim: written.team_claim.0,
            user_claim: written.user_claim.map(|claim| claim.0),
            groups_claim: written.groups_claim.map(|claim| claim.0),
            leeway_s: beside.clock_skew_max_s.clamp(0, 60).unsigned_abs(),
        })
    }

    fn jwks(&mut self, file: Option<Text>, url: Option<Text>, ca: Option<Text>) -> Option<JwksSource> {
        match (file, url) {
            (Some(file), None) => Some(JwksSource::File(self.file("identity.jwt.jwks_file", &file))),
            (None, Some(url)) => {
                let ca = ca.map(|ca| self.authority("identity.jwt.jwks_ca", &ca));
                let Some(url) = Address::parse(&url.0) else {
                    let fix = "write an https URL; http is taken for a loopback host only";
                    self.problem("identity.jwt.jwks_url", "not a URL keys can be trusted from", fix);
                    return None;
                };
                Some(JwksSource::Url { url, ca })
            }
            (Some(_), Some(_)) | (None, None) => {
                self.problem("identity.jwt", "not one source of keys", "give jwks_file or jwks_url");
                None
            }
        }
    }

    fn certificates(&mut self, written: Vec<written::Certificate>, beside: &Beside) -> Vec<CertificateRule> {
        if !written.is_empty() && !beside.asks_certificates {
            let fix = "name the CA of the callers' certificates in tls.client_ca";
            self.problem("identity.mtls", "no certificate is asked for", fix);
        }
        let mut rules = Vec::with_capacity(written.len());
        for (index, rule) in written.into_iter().enumerate() {
            let place = format!("identity.mtls[{index}]");
            let names = [
                rule.subject_cn.map(|name| CertificateName::CommonName(name.0)),
                rule.san_dns.map(|name| CertificateName::Dns(name.0)),
                rule.san_uri.map(|name| CertificateName::Uri(name.0)),
            ];
            let mut names = names.into_iter().flatten().filter(|name| !name.text().is_empty());
            let (name, more) = (names.next(), names.next());
            let app = self.app(&place, written::AppName { app: rule.app, team: rule.team, env: rule.env });
            match (name, more) {
                (Some(name), None) => rules.push(CertificateRule { name, app }),
                _ => {
                    let fix = "give one of subject_cn, san_dns and san_uri";
                    self.problem(place, "not one name", fix);
                }
            }
        }
        rules
    }

    fn prefixes(&mut self, written: Vec<written::Prefix>) -> Vec<Prefix> {
        let mut seen = BTreeSet::new();
        let mut prefixes = Vec::with_capacity(written.len());
        for (index, prefix) in written.into_iter().enumerate() {
            let place = |member: &str| format!("identity.prefixes[{index}].{member}");
            let text = prefix.prefix.0;
            if !is_prefix(&text) {
                let fix = "write segments of letters, digits and -._~, as in /app/billing";
                self.problem(place("prefix"), "not a path prefix", fix);
            } else if is_routed(&text) {
                let fix = "begin with another segment, as in /app/billing";
                self.problem(place("prefix"), "begins like the path of an operation", fix);
            }
            if !seen.insert(text.clone()) {
                self.problem(place("prefix"), "already used", "give each prefix once");
            }
            let service = prefix.service.as_ref().and_then(|name| Service::from_name(&name.0));
            if service.is_none() && prefix.service.is_some() {
                let known: Vec<&str> = Service::ALL.into_iter().map(Service::name).collect();
                self.problem(
                    place("service"),
                    "no such service",
                    &format!("write one of {}", known.join(", ")),
                );
            }
            prefixes.push(Prefix {
                prefix: text,
                app: prefix.app.map(|app| app.0),
                team: prefix.team.map(|team| team.0),
                service,
            });
        }
        prefixes
    }

    fn credentials_endpoint(
        &mut self,
        written: written::CredentialsEndpoint,
        master_secret: Option<Text>,
    ) -> Option<CredentialsEndpointConfig> {
        let listen = self.address("credentials_endpoint.listen", &written.listen);
        if listen.is_some_and(|listen| !listen.ip().is_loopback()) && !written.beyond_loopback {
            let fix = "listen on 127.0.0.1 or ::1, or set beyond_loopback: true";
            self.problem("credentials_endpoint.listen", "keys would be given out over the network", fix);
        }
        let ttl_s = written.ttl_s.unwrap_or(3600);
        if !(60..=43_200).contains(&ttl_s) {
            let fix = "leave it out for 3600";
            self.problem("credentials_endpoint.ttl_s", "not between 60 and 43200", fix);
        }
        let master_secret = master_secret.map(|secret| Zeroizing::new(secret.0));
        if master_secret.as_ref().is_some_and(|secret| secret.len() < 32) {
            let fix = "use at least 32 characters, from a generator";
            self.problem("identity.master_secret", "too short", fix);
        }
        if written.apps.is_empty() {
            let fix = "list at least one app, or leave credentials_endpoint out";
            self.problem("credentials_endpoint.apps", "nobody could fetch keys", fix);
        }
        let mut seen = BTreeSet::new();
        let mut apps = Vec::with_capacity(written.apps.len());
        for (index, client) in written.apps.into_iter().enumerate() {
            let place = format!("credentials_endpoint.apps[{index}]");
            let name = written::AppName { app: client.app, team: client.team, env: client.env };
            let app = self.app(&place, name);
            if !app.app.bytes().all(is_unreserved) || !seen.insert(app.app.clone()) {
                let fix = "give each app its own name of letters, digits and -._~";
                self.problem(format!("{place}.app"), "already used, or no path segment", fix);
            }
            if client.token.0.len() < TOKEN_BYTES_MIN {
                let fix = "use at least 16 characters, from a generator";
                self.problem(format!("{place}.token"), "too short", fix);
            }
            apps.push(CredentialsClient { app, token: Zeroizing::new(client.token.0) });
        }
        Some(CredentialsEndpointConfig { listen: listen?, ttl_s, apps, master_secret })
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Segments that mean the same to every reader.
fn is_prefix(text: &str) -> bool {
    let plain = |segment: &str| {
        !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(is_unreserved)
    };
    text.strip_prefix('/').is_some_and(|segments| segments.split('/').all(plain))
}

/// Whether an operation's own path begins with the same segment.
fn is_routed(prefix: &str) -> bool {
    let first = |path: &str| path.split('/').nth(1).map(str::to_owned);
    let own = first(prefix);
    Operation::ALL.iter().flat_map(|operation| operation.paths()).any(|path| first(path) == own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_plain_segments_that_no_operation_begins_with() {
        for (prefix, plain, routed) in [
            ("/app/billing", true, false),
            ("/a", true, false),
            ("/model", true, true),
            ("/model/x", true, true),
            ("/", false, false),
            ("app", false, false),
            ("/app/", false, false),
            ("/app//x", false, false),
            ("/app/../x", false, false),
            ("/app%2F", false, false),
        ] {
            assert_eq!(is_prefix(prefix), plain, "{prefix}");
            if plain {
                assert_eq!(is_routed(prefix), routed, "{prefix}");
            }
        }
    }
}
