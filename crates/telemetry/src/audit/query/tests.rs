//! Answers against records made by hand.

use hardpan_inference::usage::{Tokens, UsageSource};

use super::super::log::{AuditLog, AuditSettings, AuditSink, OnFull};
use super::super::record::{AuditAttempt, AuditDecision, AuditPrincipal, AuditRecord, FeedbackRecord};
use super::super::tests::{Directory, record};
use super::*;

fn spent(id: &str, day: u8, team: &str, model: &str, cost: Option<&str>) -> AuditRecord {
    AuditRecord {
        time: format!("2026-03-{day:02}T10:00:00.25Z"),
        principal: Some(AuditPrincipal { team: team.to_owned(), ..AuditPrincipal::default() }),
        model_served: Some(model.to_owned()),
        feature: Some("chat, \"beta\"".to_owned()),
        estimated_cost_usd: cost.map(str::to_owned),
        findings: BTreeMap::from([("EMAIL", 2), ("PHONE", 1)]),
        decision: Some(AuditDecision { action: "allow", ..AuditDecision::default() }),
        ..record(id)
    }
}

fn records(folder: &Directory, since: Option<i64>) -> Records {
    let sink = AuditSink::File(folder.log());
    let log = AuditLog::start(AuditSettings::plain(sink, OnFull::Refuse, 64)).unwrap();
    for one in [
        spent("a", 1, "payments", "nova", Some("0.1")),
        spent("b", 2, "payments", "nova", Some("0.2")),
        spent("c", 2, "payments", "claude", Some("1.000000001")),
        spent("d", 3, "search", "nova", None),
        spent("e", 3, "=cmd()", "nova", Some("0")),
        record("f"),
    ] {
        log.submit(one).unwrap();
    }
    log.close();
    Records::load(std::slice::from_ref(&folder.0), since).unwrap()
}

fn words(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

#[test]
fn cost_by_team_and_model_is_exact() {
    let folder = Directory::new("query-cost");
    let records = records(&folder, None);
    assert_eq!((records.count, records.torn), (6, 0));
    let sql = shorthand(&words(&["team", "model"]), &words(&["cost", "input_tokens"])).unwrap();
    let answer = records.ask(&sql).unwrap();
    assert_eq!(answer.columns, ["team", "model", "requests", "cost_usd", "input_tokens"]);
    let lines: Vec<String> = answer.csv().lines().skip(1).map(str::to_owned).collect();
    assert_eq!(lines[..2], ["payments,claude,1,1.000000001,0", "payments,nova,2,0.300000000,0"]);
    assert!(lines.contains(&"'=cmd(),nova,1,0.000000000,0".to_owned()), "{lines:?}");
}

#[test]
fn calls_of_a_route_count_once_each_and_under_their_own_model() {
    let folder = Directory::new("query-calls");
    let sink = AuditSink::File(folder.log());
    let log = AuditLog::start(AuditSettings::plain(sink, OnFull::Refuse, 64)).unwrap();
    let earlier = |model: &str, usd: Option<&str>| AuditAttempt {
        model: model.to_owned(),
        status: if usd.is_some() { 0 } else { 503 },
        error: Some("upstream_timeout".to_owned()),
        input_tokens: Tokens(usd.map_or(0, |_| 100)),
        usage_source: if usd.is_some() { UsageSource::Estimated } else { UsageSource::None },
        estimated_cost_usd: usd.map(str::to_owned),
        ..AuditAttempt::default()
    };
    let routed = |id: &str, cost: Option<&str>, attempts: Vec<AuditAttempt>| AuditRecord {
        earlier_attempts: attempts,
        input_tokens: Tokens(1),
        ..spent(id, 1, "payments", "nova", cost)
    };
    for one in [
        routed("a", Some("0.1"), vec![earlier("claude", Some("0.5")), earlier("llama", None)]),
        routed("b", Some("0.2"), Vec::new()),
        // The second model was over a limit.
        AuditRecord { model_served: None, ..routed("c", None, vec![earlier("claude", Some("0.25"))]) },
        routed("d", None, vec![earlier("llama", None)]),
    ] {
        log.submit(one).unwrap();
    }
    log.close();
    let records = Records::load(std::slice::from_ref(&folder.0), None).unwrap();
    let asked = |by: &[&str], sum: &[&str]| {
        records.ask(&shorthand(&words(by), &words(sum)).unwrap()).unwrap().csv().replace("\r\n", " ")
    };
    assert_eq!(
        asked(&["team"], &["cost", "input_tokens"]),
        "team,requests,cost_usd,input_tokens payments,4,1.050000000,204 "
    );
    let by_model = asked(&["model"], &["cost", "input_tokens"]);
    assert!(by_model.contains(" claude,2,0.750000000,200 nova,3,0.300000000,3 "), "{by_model}");
    // The call that was never made is there as what was asked for, which here is nothing.
    assert!(by_model.contains(" ,1,") && by_model.contains(" llama,2,"), "{by_model}");
    let total = records.ask("SELECT SUM(cost_nano_usd) AS n FROM calls").unwrap().json();
    assert_eq!(total, r#"[{"n":1050000000}]"#);
    assert_eq!(asked(&["model"], &["latency_ms"]).matches("nova,3").count(), 1);
    let of_one =
        "SELECT model, model_served, status, cost_nano_usd AS n, team FROM calls WHERE request_id = 'a'";
    assert_eq!(
        records.ask(of_one).unwrap().csv(),
        "model,model_served,status,n,team\r\nclaude,claude,0,500000000,payments\r\nllama,,503,,payments\r\nnova,nova,200,100000000,payments\r\n"
    );
}

#[test]
fn a_question_in_sql_sees_typed_columns() {
    let folder = Directory::new("query-sql");
    let records = records(&folder, None);
    for (sql, expected) in [
        ("SELECT COUNT(*) AS n FROM records WHERE day = '2026-03-02'", r#"[{"n":2}]"#),
        (
            "SELECT unix_ms, status, action, findings_count, findings FROM records WHERE request_id = 'a'",
            r#"[{"unix_ms":1772359200250,"status":200,"action":"allow","findings_count":3,"findings":"{\"EMAIL\":2,\"PHONE\":1}"}]"#,
        ),
        (
            "SELECT cost_nano_usd, team FROM records WHERE request_id IN ('d', 'f') ORDER BY 2 NULLS FIRST",
            r#"[{"cost_nano_usd":null,"team":null},{"cost_nano_usd":null,"team":"search"}]"#,
        ),
    ] {
        assert_eq!(records.ask(sql).unwrap().json(), expected, "{sql}");
    }
}

#[test]
fn a_question_cannot_write_or_open_files() {
    let folder = Directory::new("query-write");
    let records = records(&folder, None);
    let other = folder.0.join("other.sqlite");
    for sql in [
        "DELETE FROM records".to_owned(),
        "CREATE TABLE more (a)".to_owned(),
        format!("ATTACH '{}' AS other", other.display()),
        format!("VACUUM INTO '{}'", other.display()),
        "SELEC".to_owned(),
        String::new(),
    ] {
        assert!(records.ask(&sql).is_err(), "{sql}");
    }
    assert!(!other.exists());
    assert_eq!(records.ask("SELECT request_id FROM records").unwrap().rows.len(), 6);
}

#[test]
fn only_what_is_recent_enough_is_read() {
    let folder = Directory::new("query-since");
    let second_of_march = 1_772_409_600_000;
    let records = records(&folder, Some(second_of_march));
    assert_eq!(records.count, 4);
}

#[test]
fn cells_are_shown_safely() {
    let folder = Directory::new("query-shown");
    let records = records(&folder, None);
    let sql = "SELECT feature, 'a' || char(27) AS risky, 5 AS n, NULL AS absent FROM records LIMIT 1";
    let answer = records.ask(sql).unwrap();
    assert_eq!(answer.csv(), "feature,risky,n,absent\r\n\"chat, \"\"beta\"\"\",a\u{1b},5,\r\n");
    let table = answer.table();
    assert!(!table.contains('\u{1b}') && table.contains("chat, \"beta\"  a\u{fffd}"), "{table}");
    let last = table.lines().last().unwrap();
    assert!(last.ends_with("5  -"), "{last}");
}

#[test]
fn what_is_no_record_is_told_with_its_place() {
    let folder = Directory::new("query-foreign");
    drop(records(&folder, None));
    let text = std::fs::read_to_string(folder.log()).unwrap();
    std::fs::write(folder.log(), format!("{text}{{}}\n")).unwrap();
    let told = Records::load(&[folder.log()], None).map(|_| ()).unwrap_err();
    assert!(matches!(told, QueryError::NotARecord { line: 7, .. }), "{told}");
    // A record that is being written is left out.
    std::fs::write(folder.log(), text.trim_end()).unwrap();
    let records = Records::load(&[folder.log()], None).unwrap();
    assert_eq!((records.count, records.torn), (5, 1));
    assert!(Records::load(&[folder.0.join("missing.jsonl")], None).is_err());
}

#[test]
fn shorthand_and_lengths_take_what_they_know() {
    assert!(matches!(
        shorthand(&words(&["team; DROP TABLE records"]), &[]),
        Err(QueryError::NoSuchColumn(_))
    ));
    assert!(matches!(shorthand(&[], &words(&["price"])), Err(QueryError::NoSuchColumn(_))));
    assert!(matches!(shorthand(&[], &[]), Err(QueryError::Nothing)));
    for (text, expected) in
        [("90m", Some(5_400_000)), ("1d", Some(86_400_000)), ("2w", Some(1_209_600_000)), ("5s", Some(5_000))]
    {
        assert_eq!(length_ms(text).ok(), expected);
    }
    for wrong in ["", "d", "1", "1y", "-1d", "1.5d", "99999999999999999d", "é"] {
        assert!(length_ms(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn amounts_are_read_exactly_or_not_at_all() {
    for (text, expected) in [
        ("0", Some(0)),
        ("1", Some(1_000_000_000)),
        ("0.000000001", Some(1)),
        ("0.0000000019", Some(1)),
        ("12.5", Some(12_500_000_000)),
        ("", None),
        (".5", None),
        ("-1", None),
        ("1e3", None),
        ("99999999999", None),
    ] {
        assert_eq!(nano_usd(text), expected, "{text}");
    }
}

#[test]
fn feedback_is_joined_to_its_request() {
    let folder = Directory::new("query-feedback");
    let log =
        AuditLog::start(AuditSettings::plain(AuditSink::File(folder.log()), OnFull::Refuse, 64)).unwrap();
    for one in [spent("a", 1, "payments", "nova", Some("0.1")), spent("b", 2, "search", "nova", None)] {
        log.submit(one).unwrap();
    }
    for (request, day, score) in [("a", 1, 1.0), ("a", 2, -0.5), ("gone", 2, 1.0)] {
        let feedback = FeedbackRecord {
            request_id: request.to_owned(),
            feedback_id: format!("f{day}"),
            time: format!("2026-03-{day:02}T11:00:00Z"),
            score,
            label: Some("tone".to_owned()),
            comment_findings: BTreeMap::from([("EMAIL", 1)]),
            ..FeedbackRecord::default()
        };
        log.submit_feedback(feedback).unwrap();
    }
    log.close();
    assert_eq!(super::super::verify_chain(std::fs::read(folder.log()).unwrap().as_slice()), Ok(5));
    let records = Records::load(std::slice::from_ref(&folder.0), None).unwrap();
    assert_eq!((records.count, records.torn), (2, 0));
    let sql = "SELECT r.team, COUNT(f.score) AS n, AVG(f.score) AS score FROM records r \
               LEFT JOIN feedback f USING (request_id) GROUP BY r.team ORDER BY r.team";
    assert_eq!(records.ask(sql).unwrap().csv(), "team,n,score\r\npayments,2,0.25\r\nsearch,0,\r\n");
    let since = Some(unix_ms("2026-03-02T00:00:00Z").unwrap());
    let later = Records::load(std::slice::from_ref(&folder.0), since).unwrap();
    assert_eq!(later.ask("SELECT COUNT(*) AS n FROM feedback").unwrap().csv(), "n\r\n2\r\n");
}
