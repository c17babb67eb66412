//! The section `approvals`: who may let things go on, and how long and how many may wait for them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::super::text::Text;
use super::super::written::{self, Shown, Unapproved};
use super::{Builder, IssuedKey};

const TOKEN_CHARACTERS_MIN: usize = 32;
const NAME_BYTES_MAX: usize = 64;
const APPROVERS_MAX: usize = 1000;
const TTL_S: u64 = 3600;
const TTL_S_MAX: u64 = 7 * 24 * 3600;
const WAIT_S_MAX: u64 = 60;
const WAIT_S_CEILING: u64 = 600;
const WAITING_MAX: usize = 64;
const KEPT_MAX: usize = 1000;
const KEPT_CEILING: usize = 10_000;
const PENDING_PER_APP_MAX: usize = 100;

pub struct ApprovalsConfig {
    pub folder: PathBuf,
    pub approvers: Vec<Approver>,
    /// Where a rule says nothing; and the most it can say.
    pub ttl_s: u64,
    pub ttl_s_max: u64,
    pub wait_s: u64,
    pub wait_s_max: u64,
    pub waiting_max: usize,
    pub kept_max: usize,
    pub pending_per_app_max: usize,
    pub unapproved: Unapproved,
    pub arguments: Shown,
    pub url: Option<String>,
}

/// Somebody who may approve. No `Debug`; the token itself is not kept.
pub struct Approver {
    pub name: String,
    pub groups: BTreeSet<String>,
    pub users: BTreeSet<String>,
    pub apps: BTreeSet<String>,
    token_sha256: [u8; 32],
}

#[cfg(test)]
impl Approver {
    /// Nobody's token is this one's.
    pub fn named(name: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        Self {
            name: name.to_owned(),
            groups,
            users: BTreeSet::new(),
            apps: BTreeSet::new(),
            token_sha256: [0; 32],
        }
    }
}

impl ApprovalsConfig {
    pub fn has_group(&self, group: &str) -> bool {
        self.approvers.iter().any(|approver| approver.groups.contains(group))
    }

    /// Who shows a token. All are compared, so that time tells nothing.
    pub fn approver(&self, token: &[u8]) -> Option<&Approver> {
        let shown: [u8; 32] = Sha256::digest(token).into();
        self.approvers.iter().fold(None, |found, approver| {
            if bool::from(approver.token_sha256.ct_eq(&shown)) { Some(approver) } else { found }
        })
    }
}

impl Builder<'_> {
    pub(super) fn approvals(
        &mut self,
        written: written::Approvals,
        admin: Option<SocketAddr>,
        keys: &[IssuedKey],
    ) -> Option<ApprovalsConfig> {
        match admin {
            None => {
                let fix = "set admin.listen: approvals are given there";
                self.problem("approvals", "there is no admin port", fix);
            }
            Some(address) if !address.ip().is_loopback() && !written.beyond_loopback => {
                let fix = "listen on loopback, or set approvals.beyond_loopback where nobody can listen in";
                self.problem("admin.listen", "approvers' tokens would cross the network in plain text", fix);
            }
            Some(_) => {}
        }
        if written.approvers.is_empty() || written.approvers.len() > APPROVERS_MAX {
            let fix = "name 1 to 1000 approvers, or leave the section out";
            self.problem("approvals.approvers", "nobody could approve, or too many could", fix);
        }
        let mut names = BTreeSet::new();
        let mut tokens = BTreeSet::new();
        let mut approvers = Vec::with_capacity(written.approvers.len());
        for (index, one) in written.approvers.into_iter().enumerate() {
            let place = |member: &str| format!("approvals.approvers[{index}].{member}");
            if !is_name(&one.name.0) || !names.insert(one.name.0.clone()) {
                let fix = "use up to 64 letters, digits and - _ . @, each name once";
                self.problem(place("name"), "not a name, or already used", fix);
            }
            let is_key = keys.iter().any(|key| key.secret.as_str() == one.token.0);
            if one.token.0.len() < TOKEN_CHARACTERS_MIN
                || !one.token.0.bytes().all(|byte| byte.is_ascii_graphic())
            {
                let fix = "use at least 32 visible characters, from a generator";
                self.problem(place("token"), "too short, or not a token", fix);
            }
            if is_key || !tokens.insert(one.token.0.clone()) {
                let fix = "give each approver a token of their own";
                self.problem(place("token"), "already used", fix);
            }
            let groups: BTreeSet<String> = one.groups.into_iter().map(|group| group.0).collect();
            if groups.is_empty() || !groups.iter().all(|group| is_name(group)) {
                let fix = "name at least one, of up to 64 letters, digits and - _ . @";
                self.problem(place("groups"), "not names of groups", fix);
            }
            let texts = |all: Vec<Text>| all.into_iter().map(|text| text.0).collect();
            approvers.push(Approver {
                name: one.name.0,
                groups,
                users: texts(one.users),
                apps: texts(one.apps),
                token_sha256: Sha256::digest(one.token.0.as_bytes()).into(),
            });
        }
        let (ttl_s, wait_s_max) = (written.ttl_s.unwrap_or(TTL_S), written.wait_s_max.unwrap_or(WAIT_S_MAX));
        let wait_s = written.wait_s.unwrap_or(0);
        let kept_max = written.kept_max.unwrap_or(KEPT_MAX);
        for (place, out_of_bounds, fix) in [
            ("approvals.ttl_s", !(1..=TTL_S_MAX).contains(&ttl_s), "write 1 to 604800"),
            ("approvals.wait_s_max", wait_s_max > WAIT_S_CEILING, "write at most 600"),
            ("approvals.wait_s", wait_s > wait_s_max, "write at most approvals.wait_s_max"),
            ("approvals.kept_max", !(1..=KEPT_CEILING).contains(&kept_max), "write 1 to 10000"),
            ("approvals.pending_per_app_max", written.pending_per_app_max == Some(0), "write at least 1"),
        ] {
            if out_of_bounds {
                self.problem(place, "out of bounds", fix);
            }
        }
        let url = written.url.map(|url| url.0);
        let plain = |url: &String| url.len() <= 512 && url.bytes().all(|byte| byte.is_ascii_graphic());
        if url.as_ref().is_some_and(|url| !plain(url) || !url.contains("{id}")) {
            let fix = "write a URL in which {id} stands for the approval";
            self.problem("approvals.url", "names no approval", fix);
        }
        Some(ApprovalsConfig {
            folder: self.folder_path(&written.folder.0),
            approvers,
            ttl_s,
            ttl_s_max: TTL_S_MAX,
            wait_s,
            wait_s_max,
            waiting_max: written.waiting_max.unwrap_or(WAITING_MAX),
            kept_max,
            pending_per_app_max: written.pending_per_app_max.unwrap_or(PENDING_PER_APP_MAX),
            unapproved: written.unapproved,
            arguments: written.arguments,
            url,
        })
    }
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain)
}
