//! A configuration that is missing, wrong, and mended.

use super::fixture::Camera;

#[test]
fn check_names_file_line_and_remedy() {
    let camera = Camera::new();
    let path = camera.config_path();
    assert_eq!(
        camera.says(&["check"]),
        format!("{} is fine: camera garden\n", path.display())
    );
    camera.configure("[stream]\nbitrate_pbs = 5\n");
    let (code, text) = camera.complains(&["check"]);
    assert_eq!(code, 78);
    assert_eq!(
        text,
        format!(
            "zerocam: {}, line 2: there is no key `bitrate_pbs` here; did you mean `bitrate_bps`?\n",
            path.display()
        )
    );
    std::fs::remove_file(&path).unwrap();
    let (code, text) = camera.complains(&["check"]);
    assert_eq!(code, 78);
    assert!(
        text.starts_with(&format!("zerocam: cannot read {}: ", path.display())),
        "{text}"
    );
}

#[test]
fn a_wrong_command_line_exits_64() {
    let camera = Camera::without_configuration();
    for arguments in [&["dance"][..], &[], &["status", "--xml"]] {
        let (code, text) = camera.complains(arguments);
        assert_eq!(code, 64, "{arguments:?}: {text}");
        assert!(text.contains("Usage: "), "{text}");
    }
    assert!(camera.says(&["--help"]).contains("check"));
}

#[test]
fn run_waits_for_a_better_configuration() {
    let camera = Camera::new();
    let good = std::fs::read_to_string(camera.config_path()).unwrap();
    camera.configure(&good.replace("[cloud]\n", "[cloud]\nurll = \"x\"\n"));
    let daemon = camera.run_until_ready();

    let status = camera.status();
    assert_eq!(status.state, "NEEDS CONFIGURATION");
    assert!(
        status
            .reason
            .ends_with("line 2: there is no key `urll` here; did you mean `url`?"),
        "{}",
        status.reason
    );
    let (code, text) = camera.complains(&["start"]);
    assert_eq!(code, 78);
    assert!(text.starts_with("zerocam: NEEDS CONFIGURATION: "), "{text}");

    camera.configure(&good);
    let status = camera.wait_for_state("STOPPED");
    let identity = status.identity.unwrap();
    assert_eq!(identity.camera.as_str(), "garden");
    assert_eq!(identity.device.as_str(), "dev-1");
    let complaints = daemon.log().matches("NEEDS CONFIGURATION").count();
    assert_eq!(complaints, 1, "said once: {}", daemon.log());
    assert_eq!(daemon.terminate().code(), Some(0));
}

#[test]
fn an_unconfigured_daemon_ends_when_asked() {
    let camera = Camera::without_configuration();
    camera.configure(&camera.daemon_section());
    let daemon = camera.run_until_ready();
    daemon.wait_for_log("[cloud] url: empty");
    assert_eq!(daemon.terminate().code(), Some(0));
    assert!(!camera.path("control.sock").exists(), "it cleans up");
}
