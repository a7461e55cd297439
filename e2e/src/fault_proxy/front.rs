//! What a host's front does to a request before it passes it on.

/// Where the head of the request at the beginning of `bytes` ends.
pub(super) fn head_end(bytes: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let at = bytes.windows(END.len()).position(|four| four == END)?;
    Some(at + END.len())
}

/// The head of a request that is alone on its connection, so that the next one
/// goes wherever requests go by then. A WebSocket keeps its connection.
pub(super) fn alone(head: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(head);
    let is = |line: &str, name: &str| {
        let field = line.split_once(':').map_or("", |(field, _)| field);
        field.eq_ignore_ascii_case(name)
    };
    if text.lines().any(|line| is(line, "upgrade")) {
        return head.to_vec();
    }
    let mut lines: Vec<&str> = text
        .trim_end()
        .lines()
        .filter(|line| !is(line, "connection"))
        .collect();
    lines.push("Connection: close\r\n\r\n");
    lines.join("\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_alone_and_websockets_left_alone() {
        let plain = "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
        assert_eq!(
            alone(plain.as_bytes()),
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        );
        let upgrade = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        assert_eq!(alone(upgrade), upgrade);
        assert_eq!(head_end(b"GET /\r\n\r\nbody"), Some(9));
        assert_eq!(head_end(b"GET /\r\n\r"), None);
    }
}
