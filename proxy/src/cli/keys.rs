//! `hardpan keys`: issuing, listing and revoking callers' keys in a keys file, and minting short-term API keys.
//!
//! A secret is printed once, when its key is issued. A running Hardpan whose `keys_file` this is takes changes over by
//! itself.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use hardpan_aws::bearer::{self, BearerService};
use time::OffsetDateTime;

use super::{Outcome, say};
use crate::identity::now_unix;
use crate::keys::{self, Entry, KeysError};

#[derive(clap::Args)]
pub struct Keys {
    #[command(subcommand)]
    command: Command,
    /// The keys file, as `keys_file` in the configuration names it.
    #[arg(long, global = true, value_name = "FILE", env = "HARDPAN_KEYS_FILE", default_value = "keys.yaml")]
    file: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Issue a key and print its id and secret, once.
    New(New),
    /// List keys, without their secrets.
    List,
    /// Revoke a key; it stays in the file for audit.
    Revoke { id: String },
    /// Mint a short-term API key (AWS_BEARER_TOKEN_BEDROCK) from a key.
    Token(Token),
}

#[derive(clap::Args)]
struct New {
    #[arg(long)]
    app: String,
    #[arg(long)]
    team: String,
    #[arg(long)]
    env: Option<String>,
}

#[derive(clap::Args)]
struct Token {
    id: String,
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u8).range(1..=12))]
    hours: u8,
    #[arg(long, default_value = "bedrock")]
    service: ForService,
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    region: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum ForService {
    Bedrock,
    Sagemaker,
}

impl Keys {
    pub fn run(self) -> Outcome {
        match &self.command {
            Command::New(new) => self.issue(new),
            Command::List => self.list(),
            Command::Revoke { id } => self.revoke(id),
            Command::Token(token) => self.mint(token),
        }
    }

    fn issue(&self, new: &New) -> Outcome {
        let entry = Entry::generate(&new.app, &new.team, new.env.as_deref(), OffsetDateTime::now_utc())?;
        let lines = [
            format!("AWS_ACCESS_KEY_ID={}", entry.access_key_id),
            format!("AWS_SECRET_ACCESS_KEY={}", *entry.secret_access_key),
        ];
        keys::change(&self.file, |entries| {
            entries.push(entry);
            Ok(())
        })?;
        // Only once the key is on disk.
        lines.iter().for_each(|line| say(line));
        Ok(())
    }

    fn list(&self) -> Outcome {
        for entry in keys::read(&self.file)? {
            let state = match (entry.revoked, &entry.revoked_at) {
                (false, _) => "active".to_owned(),
                (true, Some(at)) => format!("revoked {at}"),
                (true, None) => "revoked".to_owned(),
            };
            say(&format!(
                "{}  app={} team={} env={} created={} {state}",
                entry.access_key_id,
                entry.app,
                entry.team,
                entry.env.as_deref().unwrap_or("-"),
                entry.created.as_deref().unwrap_or("-"),
            ));
        }
        Ok(())
    }

    fn revoke(&self, id: &str) -> Outcome {
        keys::change(&self.file, |entries| keys::revoke(entries, id, OffsetDateTime::now_utc()))?;
        say(&format!("{id} is revoked"));
        Ok(())
    }

    fn mint(&self, token: &Token) -> Outcome {
        let entries = keys::read(&self.file)?;
        let entry = entries.iter().find(|entry| entry.access_key_id == token.id && !entry.revoked);
        let entry = entry.ok_or(KeysError::NoSuchKey)?;
        let service = match token.service {
            ForService::Bedrock => BearerService::Bedrock,
            ForService::Sagemaker => BearerService::Sagemaker,
        };
        let life_s = i64::from(token.hours) * 3600;
        let secret = &entry.secret_access_key;
        say(&bearer::mint(service, &entry.access_key_id, secret, &token.region, now_unix(), life_s)?);
        Ok(())
    }
}
