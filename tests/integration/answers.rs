//! Answers that nothing was found in come through byte for byte.

use crate::support::{CLAUDE, Hardpan, NOVA, Setup};

#[test]
fn unchanged_bytes_stay_identical_both_ways() {
    let hardpan =
        Hardpan::start(Setup { quota: "{ mode: off }", policy: "{ mode: off }", ..Setup::default() });
    let odd = "{ \"messages\" :[ {\"role\":\"user\",\"content\":[{\"text\":\"caf\\u00e9 \\/ \u{e9} {EMAIL_1}\" } ]}] ,\n \"x-unknown\": {\"n\": 1.50e+2, \"d\":-0.0} }";
    for path in [format!("/model/{NOVA}/converse"), format!("/model/{NOVA}/converse-stream")] {
        let response = hardpan.post(&path, odd.as_bytes());
        assert_eq!(response.status, 200);
        assert!(hardpan.received().pop().unwrap().body == odd.as_bytes());
    }
    let body = br#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(hardpan.post(&format!("/model/{CLAUDE}/invoke"), body).status, 200);
    assert!(hardpan.received().pop().unwrap().body == body.as_slice());
}

#[test]
fn callers_credentials_and_transport_headers_stay_behind() {
    let hardpan = Hardpan::start(Setup::default());
    let body = crate::support::user("hi");
    let path = format!("/model/{NOVA}/converse");
    let extra = [
        ("x-forwarded-for", "10.0.0.1"),
        ("cookie", "session=1"),
        ("user-agent", "my-app/1"),
        ("x-hardpan-user", "ann"),
    ];
    assert_eq!(
        hardpan.send(&hardpan.signed("POST", &path, body.as_bytes(), &extra), body.as_bytes()).status,
        200
    );
    let received = hardpan.received().pop().unwrap();
    assert_eq!(received.signature, hardpan_simulator::SignatureCheck::Valid);
    let names: Vec<String> = received.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    for name in ["x-forwarded-for", "cookie", "x-hardpan-user"] {
        assert!(!names.contains(&name.to_owned()), "{name}");
    }
    let value = |name: &str| {
        received
            .headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
    };
    assert_eq!(value("user-agent").as_deref(), Some("my-app/1"));
    assert!(value("authorization").unwrap().contains("Credential=AKIDUPSTREAM/"));
}

#[test]
fn credentials_come_from_the_default_chain() {
    let hardpan = Hardpan::start(Setup { profile: true, ..Setup::default() });
    assert_eq!(hardpan.converse("hi").status, 200);
    assert_eq!(hardpan.received().pop().unwrap().signature, hardpan_simulator::SignatureCheck::Valid);
}
