//! The status JSON keeps to its written schema.

use std::path::Path;

use zerocam_cloud::status;

/// With `UPDATE_GOLDEN=1` the file is written instead of compared.
#[test]
fn the_written_schema_is_the_servers() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/status.schema.json");
    let schema = status::schema();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &schema).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(written, schema, "run this test with UPDATE_GOLDEN=1");
}
