//! Every example configuration is valid; every mistake is told, all at once, without repeating a secret.

use std::path::Path;
use std::process::{Command, Output};

pub fn check(file: &Path, environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hardpan"))
        .args(["check", "-c"])
        .arg(file)
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn every_example_configuration_is_valid() {
    let examples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/examples"));
    let environment = [
        ("HARDPAN_LISTEN", "127.0.0.1:0"),
        ("HARDPAN_UPSTREAM", "http://127.0.0.1:9"),
        ("HARDPAN_RECORDS", "records.jsonl"),
        ("HARDPAN_ORDERS_BOT_SECRET", "0123456789abcdef"),
    ];
    let mut count = 0;
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let output = check(&path, &environment);
            assert!(output.status.success(), "{path:?}: {}", String::from_utf8_lossy(&output.stderr));
            count += 1;
        }
    }
    assert!(count >= 3);
}

#[test]
fn mistakes_are_told_all_at_once_and_without_secrets() {
    let folder = std::env::temp_dir().join(format!("hardpan-config-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("hardpan.yaml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write(
        "listen: nowhere\nkeys:\n  - { access_key_id: \"A B\", secret_access_key: topsecret, app: a, team: t }\naws: { region: us-east-1, \
         endpoint: \"ftp://x\" }\npolicy: { data: [missing.json] }\nrecords: { path: r.jsonl }\n",
    );
    let output = check(&file, &[]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    for place in [
        "listen:",
        "keys[0].access_key_id:",
        "keys[0].secret_access_key:",
        "aws.endpoint:",
        "policy.data[0]:",
    ] {
        assert!(told.contains(place), "{place} is not in {told}");
    }
    assert!(!told.contains("topsecret"), "{told}");
    for (text, word) in [
        ("listen: 127.0.0.1:1\nlisten2: x\n", "listen2"),
        ("listen: ${HARDPAN_SURELY_NOT_SET}\n", "HARDPAN_SURELY_NOT_SET"),
        ("listen: [\n", "line"),
        ("listen: x\nthreads: topsecret\nkeys: []\n", "line"),
        ("keys:\n  - { secret_access_key: topsecret, nonsense: 1 }\nlisten: x\n", "nonsense"),
    ] {
        write(text);
        let told = String::from_utf8(check(&file, &[]).stderr).unwrap();
        assert!(told.contains(word), "{word} is not in {told}");
        assert!(!told.contains("topsecret"), "{told}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
