//! Rules of the repository that no compiler checks: the floors of the crates, and who may know pingora.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// DESIGN: a crate may depend on lower floors only.
const FLOORS: [(&str, u8); 13] = [
    ("hardpan-inference", 0),
    ("hardpan-aws", 1),
    ("hardpan-pricing", 1),
    ("hardpan-quotas", 2),
    ("hardpan-caches", 2),
    ("hardpan-telemetry", 2),
    ("hardpan-simulator", 2),
    ("hardpan-filters", 2),
    ("hardpan-policies", 2),
    ("hardpan", 3),
    ("hardpan-benches", 4),
    ("hardpan-fuzz", 4),
    ("hardpan-sdk-tests", 4),
];

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(crate_name, _)| *crate_name == name).map(|(_, floor)| *floor)
}

fn workspace() -> Vec<Package> {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    metadata.workspace_packages().into_iter().cloned().collect()
}

fn dependencies(package: &Package) -> impl Iterator<Item = &str> {
    let normal = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
    normal.map(|dependency| dependency.name.as_str())
}

#[test]
fn every_crate_has_a_floor_and_depends_on_lower_ones_only() {
    for package in workspace() {
        let own = floor(&package.name).unwrap_or_else(|| panic!("{} has no floor", package.name));
        for dependency in dependencies(&package) {
            if let Some(other) = floor(dependency) {
                assert!(
                    other < own,
                    "{} (floor {own}) depends on {dependency} (floor {other})",
                    package.name
                );
            }
        }
    }
}

#[test]
fn only_the_proxy_and_the_benches_know_pingora() {
    for package in workspace() {
        let knows = dependencies(&package).any(|name| name.starts_with("pingora"));
        let may = matches!(package.name.as_str(), "hardpan" | "hardpan-benches");
        assert!(may || !knows, "{} depends on pingora", package.name);
    }
}

#[test]
fn the_floor_of_meaning_does_no_io() {
    let package =
        workspace().into_iter().find(|package| package.name.as_str() == "hardpan-inference").unwrap();
    let banned = ["tokio", "reqwest", "hyper", "http", "time", "chrono"];
    assert!(dependencies(&package).all(|name| !banned.contains(&name)));
}

#[test]
fn every_dependency_comes_from_the_workspace_table() {
    for package in workspace() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        let own_version = manifest.lines().any(|line| {
            let value = line.split_once('=').map(|(_, value)| value.trim()).unwrap_or_default();
            !line.starts_with("name")
                && value.starts_with('"')
                && value.trim_matches('"').starts_with(|c: char| c.is_ascii_digit())
        });
        assert!(!own_version, "{} names a version of its own", package.name);
    }
}
