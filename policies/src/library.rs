//! The library Hardpan ships, compiled in, so that a sidecar without a policy directory still has rules. Its
//! tests and fixtures stay out of the binary.

/// Path inside the bundle and text of every shipped module.
pub(crate) const MODULES: &[(&str, &str)] = &[
    ("lib/exempt.rego", include_str!("../rego/lib/exempt.rego")),
    ("lib/names.rego", include_str!("../rego/lib/names.rego")),
    ("org/api.rego", include_str!("../rego/org/api.rego")),
    ("org/baseline.rego", include_str!("../rego/org/baseline.rego")),
    ("org/cache.rego", include_str!("../rego/org/cache.rego")),
    ("org/endpoints.rego", include_str!("../rego/org/endpoints.rego")),
    ("org/guardrails.rego", include_str!("../rego/org/guardrails.rego")),
    ("org/models.rego", include_str!("../rego/org/models.rego")),
    ("org/residency.rego", include_str!("../rego/org/residency.rego")),
    ("org/retrieval.rego", include_str!("../rego/org/retrieval.rego")),
    ("org/tools.rego", include_str!("../rego/org/tools.rego")),
    ("system/log.rego", include_str!("../rego/system/log.rego")),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::source::{Bundle, Source};

    #[test]
    fn every_shipped_policy_file_is_embedded() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("rego");
        let on_disk = Bundle::load(&Source::Directory(directory), &[]).unwrap();
        let mut paths: Vec<&str> = on_disk.modules().iter().map(|module| module.path.as_str()).collect();
        paths.sort_unstable();
        let embedded: Vec<&str> = MODULES.iter().map(|(path, _)| *path).collect();
        assert_eq!(paths, embedded);
    }
}
