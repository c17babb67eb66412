//! The `records` section: where records go, in which form, when files are rotated, what signs them, and where they
//! are shipped. Keys are read here, so that one which does not work is a mistake of the file; no connection is opened.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use hardpan_telemetry::audit::{CheckpointKey, Destination, LineForm, Rotation, UserSalt};
use zeroize::Zeroizing;

use super::Builder;
use crate::config::text::Text;
use crate::config::written::{self, OnFull};
use crate::upstream::Endpoint;

const ROTATE_BYTES_MIN: u64 = 1 << 20;
const BACKLOG_BYTES: u64 = 1 << 30;
const CHECKPOINT_EVERY_RECORDS: u64 = 10_000;
const CHECKPOINT_EVERY_S: u64 = 60;
const SHIP_S3_EVERY_S: u64 = 60;
const SHIP_FIREHOSE_EVERY_S: u64 = 5;
const EMF_NAMESPACE: &str = "Hardpan";
const NAMESPACE_BYTES_MAX: usize = 255;
const PREFIX_BYTES_MAX: usize = 512;
const SECONDS_PER_DAY: u64 = 86_400;
const SALT_DAYS_MAX: u32 = 3650;

/// No `Debug`: it holds keys.
pub struct RecordsConfig {
    /// None: standard output.
    pub path: Option<PathBuf>,
    pub form: LineForm,
    pub on_full: OnFull,
    pub user_salt: UserSalt,
    pub rotation: Rotation,
    pub checkpoints: Option<CheckpointsConfig>,
    pub ship: Vec<ShipConfig>,
}

pub struct CheckpointsConfig {
    pub key: CheckpointKey,
    pub every_records: u64,
    pub every: Duration,
}

pub struct ShipConfig {
    /// Told apart by where they go to: an order in a file is no name.
    pub name: String,
    pub destination: Destination,
    pub region: String,
    pub endpoint: Option<String>,
    pub backlog_bytes_max: u64,
    pub every: Duration,
}

impl Builder<'_> {
    pub(super) fn records(&mut self, written: written::Records, region: &str) -> RecordsConfig {
        let path = (written.path.0 != "stdout").then(|| self.folder_path(&written.path.0));
        let to_file = path.is_some();
        if !to_file {
            let only = [
                ("records.rotate", written.rotate.is_some()),
                ("records.checkpoints", written.checkpoints.is_some()),
                ("records.ship", !written.ship.is_empty()),
            ];
            for (place, _) in only.into_iter().filter(|(_, set)| *set) {
                self.problem(place, "of no use with stdout", "name a file in records.path, or leave it out");
            }
        }
        let form = self.form(written.format, written.emf_namespace, to_file);
        let salt = super::user_salt(written.user_salt);
        if written.user_salt_days.is_some_and(|days| days == 0 || days > SALT_DAYS_MAX) {
            let fix = "write 1 to 3650, or leave it out for a salt that stays";
            self.problem("records.user_salt_days", "out of bounds", fix);
        }
        let period_s = written.user_salt_days.map(|days| u64::from(days) * SECONDS_PER_DAY);
        let checkpoints = written.checkpoints.and_then(|checkpoints| self.checkpoints(&checkpoints));
        let instance = self.instance(written.instance);
        RecordsConfig {
            path,
            form,
            on_full: written.on_full,
            user_salt: UserSalt::new(Zeroizing::new(salt), period_s),
            rotation: self.rotation(written.rotate),
            checkpoints,
            ship: self.shipments(written.ship, &instance, region),
        }
    }

    fn form(&mut self, written: written::RecordFormat, namespace: Option<Text>, to_file: bool) -> LineForm {
        let emf = written == written::RecordFormat::Emf;
        if emf && to_file {
            let fix = "write records.path: stdout, or leave the format out";
            self.problem("records.format", "emf is for logs that CloudWatch reads", fix);
        }
        if !emf {
            if namespace.is_some() {
                let fix = "write records.format: emf, or leave it out";
                self.problem("records.emf_namespace", "of no use with this format", fix);
            }
            return LineForm::Record;
        }
        let namespace = namespace.map_or(EMF_NAMESPACE.to_owned(), |namespace| namespace.0);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#:".contains(&byte);
        if !(1..=NAMESPACE_BYTES_MAX).contains(&namespace.len()) || !namespace.bytes().all(plain) {
            let fix = "use up to 255 letters, digits and . - _ / # :";
            self.problem("records.emf_namespace", "not a namespace of CloudWatch", fix);
        }
        LineForm::Emf { namespace }
    }

    fn rotation(&mut self, written: Option<written::Rotate>) -> Rotation {
        let Some(written) = written else { return Rotation::NEVER };
        if written.bytes_max.is_some_and(|bytes| bytes < ROTATE_BYTES_MIN) {
            self.problem("records.rotate.bytes_max", "under 1 MiB", "write at least 1048576");
        }
        if written.hours_max == Some(0) {
            self.problem("records.rotate.hours_max", "zero", "write at least 1, or leave it out");
        }
        if written.bytes_max.is_none() && written.hours_max.is_none() {
            self.problem("records.rotate", "says not when", "write bytes_max, hours_max or both");
        }
        let hours = |hours: u32| Duration::from_secs(u64::from(hours) * 3600);
        Rotation { bytes_max: written.bytes_max, age_max: written.hours_max.map(hours) }
    }

    fn checkpoints(&mut self, written: &written::Checkpoints) -> Option<CheckpointsConfig> {
        let place = "records.checkpoints.key_file";
        let path = self.file(place, &written.key_file);
        for (member, zero) in
            [("every_records", written.every_records == Some(0)), ("every_s", written.every_s == Some(0))]
        {
            if zero {
                self.problem(
                    format!("records.checkpoints.{member}"),
                    "zero",
                    "write at least 1, or leave it out",
                );
            }
        }
        if !path.is_file() {
            return None;
        }
        match CheckpointKey::read(&path) {
            Ok(key) => Some(CheckpointsConfig {
                key,
                every_records: written.every_records.unwrap_or(CHECKPOINT_EVERY_RECORDS),
                every: Duration::from_secs(written.every_s.unwrap_or(CHECKPOINT_EVERY_S)),
            }),
            Err(error) => {
                self.problem(place, &error.to_string(), "make one with `hardpan audit keygen`");
                None
            }
        }
    }

    /// What tells the objects of this process from those of others.
    fn instance(&mut self, written: Option<Text>) -> String {
        let plain = |name: &str| {
            (1..=128).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        match written {
            Some(name) => {
                if !plain(&name.0) {
                    self.problem("records.instance", "not a name", "use up to 128 letters, digits and . - _");
                }
                name.0
            }
            None => std::env::var("HOSTNAME").ok().filter(|name| plain(name)).unwrap_or("hardpan".to_owned()),
        }
    }

    fn shipments(&mut self, written: Vec<written::Ship>, instance: &str, region: &str) -> Vec<ShipConfig> {
        let mut names = BTreeSet::new();
        let mut all = Vec::with_capacity(written.len());
        for (index, ship) in written.into_iter().enumerate() {
            let place = format!("records.ship[{index}]");
            let Some((name, destination, every_s)) = self.destination(&place, &ship, instance) else {
                continue;
            };
            if !names.insert(name.clone()) {
                self.problem(place.clone(), "goes where another one goes", "keep one of them");
            }
            if let Some(url) = &ship.endpoint
                && let Err(error) = Endpoint::parse(&url.0)
            {
                let fix = "write http://HOST:PORT or https://HOST";
                self.problem(format!("{place}.endpoint"), &error.to_string(), fix);
            }
            let region = ship.region.map_or(region.to_owned(), |region| region.0);
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if region.is_empty() || !region.bytes().all(plain) {
                self.problem(
                    format!("{place}.region"),
                    "not a Region name",
                    "write a name such as us-east-1",
                );
            }
            if ship.every_s == Some(0) {
                self.problem(format!("{place}.every_s"), "zero", "write at least 1, or leave it out");
            }
            all.push(ShipConfig {
                name,
                destination,
                region,
                endpoint: ship.endpoint.map(|endpoint| endpoint.0),
                backlog_bytes_max: ship.backlog_bytes_max.unwrap_or(BACKLOG_BYTES),
                every: Duration::from_secs(ship.every_s.unwrap_or(every_s)),
            });
        }
        all
    }

    fn destination(
        &mut self,
        place: &str,
        ship: &written::Ship,
        instance: &str,
    ) -> Option<(String, Destination, u64)> {
        let made_of = |text: &str, more: &[u8]| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        };
        match (ship.to, &ship.bucket, &ship.stream) {
            (written::ShipTo::S3, Some(bucket), None) => {
                let bucket = bucket.0.clone();
                let lower = bucket.bytes().all(|byte| !byte.is_ascii_uppercase());
                if !(3..=63).contains(&bucket.len()) || !made_of(&bucket, b"-.") || !lower {
                    let fix = "write a name of lower case letters, digits, - and .";
                    self.problem(format!("{place}.bucket"), "not a bucket's name", fix);
                }
                let prefix = ship.prefix.as_ref().map_or("hardpan", |prefix| prefix.0.as_str()).to_owned();
                let parts_are_names = prefix.split('/').all(|part| !matches!(part, "." | ".."));
                let tidy = parts_are_names && !prefix.contains("//") && prefix.len() <= PREFIX_BYTES_MAX;
                if !made_of(&prefix, b"-_./=") || !tidy {
                    let fix = "use letters, digits and - _ . = with single slashes";
                    self.problem(format!("{place}.prefix"), "not a prefix", fix);
                }
                let name = format!("s3-{bucket}");
                let destination = Destination::S3 { bucket, prefix, instance: instance.to_owned() };
                Some((name, destination, SHIP_S3_EVERY_S))
            }
            (written::ShipTo::Firehose, None, Some(stream)) if ship.prefix.is_none() => {
                let stream = stream.0.clone();
                if !(1..=64).contains(&stream.len()) || !made_of(&stream, b"-_.") {
                    let fix = "write a name of letters, digits, - _ and .";
                    self.problem(format!("{place}.stream"), "not a delivery stream's name", fix);
                }
                Some((format!("firehose-{stream}"), Destination::Firehose { stream }, SHIP_FIREHOSE_EVERY_S))
            }
            _ => {
                let fix = "write to: s3 with bucket and prefix, or to: firehose with stream";
                self.problem(place, "says not where to", fix);
                None
            }
        }
    }
}
