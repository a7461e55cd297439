//! The status JSON keeps to its written schemas.

use std::path::Path;

use zerocam_cloud::status;

/// With `UPDATE_GOLDEN=1` the file is written instead of compared.
#[test]
fn the_written_schemas_are_the_servers() {
    for (name, schema) in status::schemas() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../docs")
            .join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &schema).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(
            written, schema,
            "{name}: run this test with UPDATE_GOLDEN=1"
        );
    }
}
