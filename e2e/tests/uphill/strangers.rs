//! Others than the service answer at its address, until it is back.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use zerocam_e2e::{Device, FaultProxy, fault_proxy::Fault, service::ServiceHome, within};

use crate::stage::{GARDEN, PATTERN, SOON, camera_says, check_no_secrets, cloud};

/// Somebody who answers everything alike. Lives as long as the test's process.
fn stranger(answer: String) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for client in listener.incoming().filter_map(Result::ok) {
            // Whoever leaves early needs no answer.
            let _ = (&client).read(&mut [0; 4096]);
            let _ = (&client).write_all(answer.as_bytes());
        }
    });
    address
}

fn http(status: &str, content_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn strange_answers_are_explained_and_the_service_is_found_when_it_is_back() {
    let login = "<!doctype html><title>Log in to the hotel's network</title>";
    let strangers = [
        (
            http("200 OK", "text/html", login),
            "a proxy or the login page",
        ),
        (http("302 Found", "text/html", login), "a redirection, 302"),
        (
            http("404 Not Found", "text/plain", "nothing here"),
            "no zerocam service at this address (404) (nothing here): check",
        ),
        (
            http("503 Service Unavailable", "text/plain", "full"),
            "takes no cameras at the moment (full): trying again",
        ),
        (String::new(), "closed the connection"),
        (
            "SSH-2.0-OpenSSH_9.2\r\n".into(),
            "something else than a zerocam service",
        ),
    ];
    let home = ServiceHome::new();
    let service = home.start(0);
    let proxy = FaultProxy::before(service.address);
    let device = Device::new(&(cloud(&home, proxy.address()) + PATTERN));
    let daemon = device.start();
    camera_says(&device, "STOPPED", SOON);
    for (answer, said) in strangers {
        proxy.apply(&Fault::Upstream(stranger(answer)));
        proxy.apply(&Fault::Reset);
        let _ = device.ask("stop");
        let _ = device.ask("start");
        // The stream's own attempt, not only the check-in's.
        within(SOON, &format!("the camera says {said:?}"), || {
            let status = device.ask("status");
            let first = status.lines().next()?;
            (first.starts_with("CONNECTING") && first.contains(said)).then_some(())
        });
    }
    proxy.apply(&Fault::Upstream(service.address));
    camera_says(&device, "STREAMING", Duration::from_secs(10));
    service.wait_until_live(GARDEN);
    check_no_secrets(&home, &[&daemon, &service.program]);
}
