//! Several teams side by side under one organisation's limit: whatever their clients do at the same moment, no team
//! passes its own limit and all together do not pass the organisation's.
//!
//! Each team has a key and clients of its own. Quotas are kept in memory, or by two replicas in a shared store.

use std::collections::BTreeMap;
use std::thread::scope;

use serde_json::{Value, json};

use crate::identity::signed_by;
use crate::quotas::{Folder, OPEN, Store, did_not_run, limit, quota};
use crate::support::{Hardpan, KEY, NOVA, Response, Setup, user};

/// Team, access key id, secret. The first is what every Hardpan of the tests knows.
const TEAMS: [(&str, (&str, &str)); 3] = [
    ("payments", KEY),
    ("search", ("AKIDSEARCH", "secret-of-search-00000000")),
    ("support", ("AKIDSUPPORT", "secret-of-support-0000000")),
];
/// At the same moment, of each team and replica.
const CLIENTS: usize = 4;

fn keys(folder: &Folder) -> String {
    let path = folder.path().join("keys.yaml");
    let keys: Vec<Value> = TEAMS
        .iter()
        .skip(1)
        .map(|(team, (id, secret))| {
            json!({"access_key_id": id, "secret_access_key": secret, "app": "bot", "team": team})
        })
        .collect();
    std::fs::write(&path, Value::from(keys).to_string()).unwrap();
    format!("keys_file: \"{}\"", path.display())
}

fn started(keys: &str, rest: &str) -> Hardpan {
    let more: &'static str = keys.to_owned().leak();
    Hardpan::start(Setup { policy: OPEN, quota: quota(rest), more, ..Setup::default() })
}

fn ask(hardpan: &Hardpan, key: (&str, &str)) -> Response {
    let (path, body) = (format!("/model/{NOVA}/converse"), user("hi"));
    hardpan.send(&signed_by(hardpan, key, "us-east-1", &path, &body), body.as_bytes())
}

/// Asks until refused: how many were answered, and the refusal.
fn use_up(hardpan: &Hardpan, key: (&str, &str)) -> (u64, Response) {
    for answered in 0..2_000 {
        let response = ask(hardpan, key);
        if response.status != 200 {
            return (answered, response);
        }
    }
    panic!("nobody was refused");
}

/// What the clients of each team were answered, all at the same moment, and by which limits they were refused.
fn all_at_once(hardpans: &[Hardpan]) -> BTreeMap<&'static str, (u64, Vec<String>)> {
    scope(|threads| {
        let mut clients = Vec::new();
        for hardpan in hardpans {
            for (team, key) in TEAMS {
                for _ in 0..CLIENTS {
                    clients.push((team, threads.spawn(move || use_up(hardpan, key))));
                }
            }
        }
        let mut of_teams: BTreeMap<&str, (u64, Vec<String>)> = BTreeMap::new();
        for (team, client) in clients {
            let (answered, refusal) = client.join().unwrap();
            assert_eq!(refusal.error(), (400, "ServiceQuotaExceededException"), "{team}");
            let of_team = of_teams.entry(team).or_default();
            of_team.0 += answered;
            of_team.1.push(refusal.json()["message"].as_str().unwrap().to_owned());
        }
        of_teams
    })
}

fn limits(org: u64, team: u64, unit: &str) -> String {
    let all = [limit("of-all", "org", unit, "total", org), limit("of-a-team", "team", unit, "total", team)];
    format!("limits: [ {} ]", all.join(", "))
}

/// 150 for all and 60 for each of three: the organisation's limit is the tighter one for two of them at least.
fn assert_kept(of_teams: &BTreeMap<&str, (u64, Vec<String>)>, hardpans: &[Hardpan], least: u64) {
    let sum: u64 = of_teams.values().map(|(answered, _)| answered).sum();
    assert!((least..=150).contains(&sum), "{of_teams:?}");
    assert!(of_teams.values().all(|(answered, _)| *answered <= 60), "{of_teams:?}");
    let served: u64 = hardpans.iter().map(|hardpan| hardpan.simulator().request_count()).sum();
    assert_eq!(served, sum);
    for (team, (answered, refusals)) in of_teams {
        let by = |name: &str| refusals.iter().filter(|message| message.contains(name)).count();
        assert_eq!(by("of-all") + by("of-a-team"), refusals.len(), "{team}: {refusals:?}");
        // Nobody is told that the team's budget is spent where it is not; of what lies in another replica's stock it is.
        let is_spent = *answered == 60 || hardpans.len() > 1;
        assert!(by("of-a-team") == 0 || is_spent, "{team}: {answered} {refusals:?}");
    }
}

#[test]
fn teams_side_by_side_pass_neither_their_own_limit_nor_the_organisations() {
    let folder = Folder::make("teams");
    let hardpans = [started(&keys(&folder), &limits(150, 60, "requests"))];
    assert_kept(&all_at_once(&hardpans), &hardpans, 150);
    // One team alone gets no further than its own, though the organisation has plenty.
    let hardpan = started(&keys(&folder), &limits(150, 60, "requests"));
    let (answered, refusal) = use_up(&hardpan, KEY);
    assert_eq!(answered, 60);
    assert!(refusal.json()["message"].as_str().unwrap().contains("of-a-team"));
    // Which leaves the others theirs.
    assert_eq!(use_up(&hardpan, TEAMS[1].1).0, 60);
    let (answered, refusal) = use_up(&hardpan, TEAMS[2].1);
    assert_eq!(answered, 30);
    assert!(refusal.json()["message"].as_str().unwrap().contains("of-all"));
}

#[test]
fn tokens_of_teams_side_by_side_stay_within_both_limits_by_the_services_own_count() {
    let folder = Folder::make("teams-tokens");
    let hardpans = [started(&keys(&folder), &limits(6_000, 2_500, "tokens"))];
    let mut answered: u64 = all_at_once(&hardpans).values().map(|(answered, _)| answered).sum();
    // While others are in flight, or are being settled, a reservation may not fit that fits later.
    const ROUNDS: usize = 4;
    for (_, key) in [TEAMS; ROUNDS].into_iter().flatten() {
        answered += use_up(&hardpans[0], key).0;
    }
    let refused = TEAMS.len() * (CLIENTS + ROUNDS);
    let records = hardpans[0].records(answered as usize + refused);
    let mut used: BTreeMap<String, u64> = BTreeMap::new();
    for record in &records {
        let tokens = |member: &str| record[member].as_u64().unwrap();
        let team = record["principal"]["team"].as_str().unwrap().to_owned();
        *used.entry(team).or_default() += tokens("input_tokens") + tokens("output_tokens");
    }
    let sum: u64 = used.values().sum();
    // A request reserves some 220 tokens.
    assert!((5_700..=6_000).contains(&sum), "{used:?}");
    assert!(used.len() == 3 && used.values().all(|used| *used <= 2_500), "{used:?}");
}

#[test]
fn teams_on_two_replicas_pass_neither_their_own_limit_nor_the_organisations() {
    let Some(store) = Store::start() else { return did_not_run() };
    let folder = Folder::make("teams-shared");
    let keys = keys(&folder);
    let shared = format!("shared: {{ urls: [ {} ] }}, {}", store.url(), limits(150, 60, "requests"));
    let hardpans = [started(&keys, &shared), started(&keys, &shared)];
    let mut of_teams = all_at_once(&hardpans);
    // What one replica had in stock when another was refused is given back and can be used.
    for hardpan in &hardpans {
        for (team, key) in TEAMS {
            of_teams.entry(team).or_default().0 += use_up(hardpan, key).0;
        }
    }
    assert_kept(&of_teams, &hardpans, 130);
}
