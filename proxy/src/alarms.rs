//! Tells operators that a limit is used up to a mark: each alarm in a metric, and those of a day and longer in the log
//! and to a webhook as well.
//!
//! Requests do not wait for any of it. What waits for a webhook is bounded in number and in attempts, and lost at the
//! end of the process. No alarm names a user, or the key a policy made up.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hardpan_quotas::{Alarm, Window};
use hardpan_telemetry::metrics;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use crate::reload::fetch::{Address, post};
use crate::snapshot::Parts;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Messages that wait for the webhook.
const WAITING_MAX: usize = 256;
const ATTEMPTS_MAX: u32 = 8;
const BACKOFF_MAX: Duration = Duration::from_secs(60);
const SEND_WITHIN: Duration = Duration::from_secs(5);

/// Where alarms are posted. No `Debug`: address and header may be secrets.
pub struct Webhook {
    pub address: Address,
    pub ca: Option<PathBuf>,
    /// The value of `Authorization`.
    pub authorization: Option<Zeroizing<String>>,
}

/// Tells alarms for as long as the process runs.
pub async fn keep_telling(parts: &Parts) {
    let mut mail = Mail::default();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let webhook = parts.config.quota.webhook.as_ref();
        for alarm in parts.ledger.alarms() {
            metrics::quota_alarm(alarm.subject.name_told(), alarm.percent);
            if lasts(alarm.subject.window) {
                log(&alarm);
                webhook.iter().for_each(|_| mail.put(message(&alarm)));
            }
        }
        if let Some(webhook) = webhook {
            mail.send(webhook).await;
        }
    }
}

/// A minute's limit comes and goes; whoever wants to see it has the metric.
fn lasts(window: Window) -> bool {
    matches!(window, Window::Day | Window::Month | Window::Total)
}

fn log(alarm: &Alarm) {
    let Alarm { subject, member, percent, limit, used } = alarm;
    let (name, unit, window) = (subject.name_told(), subject.unit.name(), subject.window.name());
    tracing::warn!(
        limit = name,
        member,
        unit,
        window,
        percent,
        used,
        of = limit,
        "a limit is used up to a mark"
    );
}

fn message(alarm: &Alarm) -> String {
    let Alarm { subject, member, percent, limit, used } = alarm;
    let (name, unit, window) = (subject.name_told(), subject.unit.name(), subject.window.name());
    let of = if member.is_empty() { String::new() } else { format!(" of {member}") };
    json!({
        "event": "quota_alarm",
        "time": OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
        "limit": name,
        "member": member,
        "unit": unit,
        "window": window,
        "percent": percent,
        "used": used,
        "of": limit,
        // What chat services show.
        "text": format!("Hardpan: the limit {name}{of} per {window} is used up to {percent} % ({used} of {limit} {unit})."),
    })
    .to_string()
}

/// Messages that wait for the webhook, oldest first.
#[derive(Default)]
struct Mail {
    waiting: VecDeque<String>,
    attempts: u32,
    not_before: Option<Instant>,
}

impl Mail {
    fn put(&mut self, message: String) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(message);
        } else {
            metrics::quota_alarm_message("dropped");
        }
    }

    /// Sends what waits, until one message cannot be sent.
    async fn send(&mut self, webhook: &Webhook) {
        if self.not_before.is_some_and(|moment| Instant::now() < moment) {
            return;
        }
        while let Some(message) = self.waiting.front() {
            if deliver(webhook, message.clone()).await {
                metrics::quota_alarm_message("sent");
                (self.attempts, self.not_before) = (0, None);
                self.waiting.pop_front();
                continue;
            }
            if self.attempts == 0 {
                tracing::warn!("an alarm of a limit could not be posted; it is tried again");
            }
            self.attempts += 1;
            self.not_before =
                Some(Instant::now() + BACKOFF_MAX.min(Duration::from_secs(1 << self.attempts.min(6))));
            if self.attempts >= ATTEMPTS_MAX {
                metrics::quota_alarm_message("failed");
                self.attempts = 0;
                self.waiting.pop_front();
            }
            return;
        }
    }
}

async fn deliver(webhook: &Webhook, message: String) -> bool {
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let authorization = webhook.authorization.iter();
    headers.extend(authorization.map(|value| ("authorization".to_owned(), value.as_str().to_owned())));
    let posted = post(&webhook.address, webhook.ca.as_deref(), &headers, message.into());
    matches!(tokio::time::timeout(SEND_WITHIN, posted).await, Ok(Ok(200..=299)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hardpan_quotas::{Subject, Unit};

    use super::*;

    fn alarm(is_policys: bool) -> Alarm {
        let subject = Subject { limit: "own".into(), unit: Unit::NanoUsd, window: Window::Day, is_policys };
        Alarm { subject: Arc::new(subject), member: "t/a".into(), percent: 80, limit: 10, used: 8 }
    }

    #[test]
    fn a_message_says_which_limit_and_how_far_and_no_key_of_a_policy() {
        let told: serde_json::Value = serde_json::from_str(&message(&alarm(false))).unwrap();
        assert_eq!(
            (&told["limit"], &told["member"], &told["unit"], &told["window"], &told["percent"]),
            (&json!("own"), &json!("t/a"), &json!("nano_usd"), &json!("day"), &json!(80))
        );
        assert_eq!(
            (&told["used"], &told["of"], &told["event"]),
            (&json!(8), &json!(10), &json!("quota_alarm"))
        );
        assert_eq!(
            told["text"],
            "Hardpan: the limit own of t/a per day is used up to 80 % (8 of 10 nano_usd)."
        );
        let told = message(&alarm(true));
        assert!(!told.contains("own") && told.contains("policy"), "{told}");
    }

    #[tokio::test]
    async fn a_webhook_that_is_away_holds_a_bounded_number_of_messages_for_a_bounded_time() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        drop(listener);
        let webhook = Webhook { address: Address::parse(&url).unwrap(), ca: None, authorization: None };
        let mut mail = Mail::default();
        for _ in 0..WAITING_MAX + 9 {
            mail.put("{}".to_owned());
        }
        assert_eq!(mail.waiting.len(), WAITING_MAX);
        for attempt in 1..=2 * ATTEMPTS_MAX {
            mail.not_before = None;
            mail.send(&webhook).await;
            let given_up = usize::try_from(attempt / ATTEMPTS_MAX).unwrap();
            assert_eq!(mail.waiting.len(), WAITING_MAX - given_up, "{attempt}");
            assert!(mail.not_before.is_some());
        }
        let before = mail.attempts;
        mail.send(&webhook).await;
        assert_eq!(mail.attempts, before, "it is too early to try again");
    }
}
