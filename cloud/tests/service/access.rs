//! Visitors: the link becomes a cookie, players use the path, and without
//! either there is nothing to see.

use zerocam_cloud::{config::Configuration, time::Now};
use zerocam_protocol::token::Right;

use super::bench::Service;

#[test]
fn a_link_is_exchanged_for_a_cookie() {
    let service = Service::start();
    let token = service.view("garden");
    let exchange = service.get(&format!("/watch/garden/?token={token}"));
    assert_eq!(exchange.status, 303);
    assert_eq!(exchange.header("location"), "/watch/garden/");
    assert_eq!(
        exchange.header("set-cookie"),
        format!("zerocam_garden={token}; Max-Age=34560000; HttpOnly; SameSite=Lax; Path=/; Secure")
    );
    assert_eq!(exchange.header("referrer-policy"), "no-referrer");

    let cookie = format!("other=1; zerocam_garden={token}");
    let visit = |path: &str| service.get_with(path, &[("cookie", &cookie)]);
    let page = visit("/watch/garden/");
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    // The camera has not come yet: the page loads and says so.
    let status = visit("/api/cameras/garden");
    assert_eq!(status.status, 200);
    assert!(status.text().contains("stale"), "{}", status.text());
    assert_eq!(visit("/watch/garden/plain.m3u8").status, 404);
    // It is good for no other camera.
    assert_eq!(visit("/watch/door/").status, 401);
    assert_eq!(visit("/api/cameras/door").status, 401);
}

#[test]
fn plain_http_does_without_secure() {
    let service = Service::configured(Configuration {
        plain_http: true,
        ..Configuration::default()
    });
    let token = service.view("garden");
    let exchange = service.get(&format!("/watch/garden/?token={token}"));
    assert_eq!(
        exchange.header("set-cookie"),
        format!("zerocam_garden={token}; Max-Age=34560000; HttpOnly; SameSite=Lax; Path=/")
    );
}

#[test]
fn a_cookie_lasts_as_long_as_its_link() {
    const DAY_S: u64 = 86_400;
    let service = Service::start();
    let now_s = Now::read().unix_s();
    let token = service.link("garden", Right::View, Some(now_s + DAY_S));
    let exchange = service.get(&format!("/watch/garden/?token={token}"));
    let cookie = exchange.header("set-cookie");
    let (_, rest) = cookie.split_once("; Max-Age=").expect(cookie);
    let kept_s: u64 = rest.split(';').next().unwrap().parse().unwrap();
    let passed_s = Now::read().unix_s() - now_s;
    assert!(
        kept_s <= DAY_S + 1 && kept_s + passed_s >= DAY_S,
        "{cookie}"
    );
}

#[test]
fn players_carry_the_token_in_the_path() {
    let service = Service::start();
    let token = service.view("garden");
    assert_eq!(
        service.get(&format!("/t/{token}/watch/garden/")).status,
        200
    );
    assert_eq!(
        service
            .get(&format!("/t/{token}/api/cameras/garden"))
            .status,
        200
    );
    let other = service.get(&format!("/t/{token}/watch/door/plain.m3u8"));
    assert_eq!(other.status, 403);
    assert_eq!(service.get("/t/nonsense/watch/garden/").status, 401);
    // A good cookie does not mend a bad path.
    let cookie = format!("zerocam_garden={token}");
    let answer = service.get_with("/t/nonsense/watch/garden/", &[("cookie", &cookie)]);
    assert_eq!(answer.status, 401);
}

#[test]
fn the_slash_is_added() {
    let service = Service::start();
    let answer = service.get("/watch/garden?token=x");
    assert_eq!(answer.status, 307);
    assert_eq!(answer.header("location"), "/watch/garden/?token=x");
    let answer = service.get("/t/abc/watch/garden");
    assert_eq!(answer.header("location"), "/t/abc/watch/garden/");
}

#[test]
fn no_access_is_a_page_that_says_why() {
    let service = Service::start();
    let expired = service.link("garden", Right::View, Some(1_000_000_000));
    let other = service.view("door");
    let foreign = Service::start().view("garden");
    let key = service.camera_key("garden");
    let table = [
        (
            String::new(),
            401,
            "Open the link that the camera&#39;s owner gave you",
        ),
        (
            "?token=nonsense".to_owned(),
            401,
            "This link is not complete",
        ),
        (format!("?token={foreign}"), 401, "no longer good"),
        (format!("?token={expired}"), 401, "The link expired"),
        (
            format!("?token={other}"),
            403,
            "is for camera door, not for garden",
        ),
        (format!("?token={key}"), 403, "a camera&#39;s own key"),
    ];
    for (query, status, text) in table {
        let page = service.get(&format!("/watch/garden/{query}"));
        let html = page.text();
        assert_eq!(page.status, status, "{html}");
        assert!(page.header("content-type").starts_with("text/html"));
        assert!(html.contains("<h1>NO ACCESS</h1>"), "{html}");
        assert!(html.contains(text), "{html}");
        assert!(!html.contains("zerocam-cloud"), "{html}");
        assert!(!html.contains("<script"), "{html}");
        let token = query.trim_start_matches("?token=");
        assert!(token.is_empty() || !html.contains(token), "{html}");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("set-cookie"), "");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("style-src 'sha256-"), "{policy}");
    }
    let api = service.get("/api/cameras/garden");
    assert_eq!(api.status, 401);
    assert!(api.header("content-type").starts_with("text/plain"));
    assert_eq!(service.get("/watch/garden/1/2.m4s").status, 401);
}

#[test]
fn nothing_and_nothing_of_the_kind() {
    let service = Service::start();
    let html = [("accept", "text/html,*/*")];
    for path in [
        "/nothing",
        "/watch/",
        "/watch/Not%20A%20Name/",
        "/assets/none.js",
    ] {
        assert_eq!(service.get(path).status, 404, "{path}");
    }
    let page = service.get_with("/nothing", &html);
    assert!(
        page.text().contains("<h1>NOT FOUND</h1>"),
        "{}",
        page.text()
    );
    assert!(!service.get("/nothing").text().contains('<'));
    let method = service.post("/health/live", "", b"");
    assert_eq!(method.status, 405);
    assert_eq!(method.header("allow"), "GET,HEAD");
    assert!(
        method.text().contains("POST does not work"),
        "{}",
        method.text()
    );
}

#[test]
fn the_rest_is_open_and_tells_nothing() {
    let service = Service::start();
    assert_eq!(service.get("/health/live").text(), "live\n");
    assert_eq!(service.get("/health/ready").text(), "ready\n");
    assert_eq!(service.head("/health/ready").status, 200);
    let page = service
        .get(&format!("/t/{}/watch/garden/", service.view("garden")))
        .text();
    let asset = page
        .split('"')
        .find(|text| text.starts_with("/assets/"))
        .expect("the page loads its program");
    let asset = service.get(asset);
    assert_eq!(asset.status, 200);
    assert_eq!(
        asset.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert!(!asset.header("content-type").is_empty());
}
