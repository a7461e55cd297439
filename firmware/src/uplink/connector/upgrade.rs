//! From HTTP to WebSocket (RFC 6455, section 4.1).
//!
//! tungstenite makes the request and parses the answer. The reading in between
//! is ours, because its own client drops the connection before the body of a
//! refusal has come, and that body says what to do.

use std::io::{Read, Write};

use tungstenite::{
    WebSocket,
    client::ClientRequestBuilder,
    client::IntoClientRequest,
    handshake::{
        client::{Response, generate_request},
        derive_accept_key,
        machine::TryParse,
    },
    http::{StatusCode, header},
    protocol::{Role, WebSocketConfig},
};
use zerocam_config_file::Secret;
use zerocam_protocol::{
    limits::{MAX_ACCESS_UNIT_BYTES, MAX_JSON_BYTES},
    version::SUBPROTOCOL,
};

use super::{Socket, Transport};
use crate::uplink::{endpoint::Endpoint, failure::Failure};

/// Longest head of an answer.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// As much of a refusal's body as is read.
const MAX_BODY_BYTES: usize = 1024;

/// What tungstenite reads at once. The service's messages are small.
const READ_BUFFER_BYTES: usize = 8 * 1024;

pub(super) fn upgrade(
    mut transport: Transport,
    endpoint: &Endpoint,
    key: &Secret,
) -> Result<Socket, Failure> {
    let host = endpoint.host.as_str();
    let io = |error| Failure::from_io(error, host);
    let other = |what: &str| Failure::NotTheService {
        host: host.to_owned(),
        what: what.to_owned(),
    };
    let uri = (endpoint.stream_url().parse()).expect("the endpoint came out of a URL");
    let (request, websocket_key) = ClientRequestBuilder::new(uri)
        .with_header("Authorization", format!("Bearer {}", key.expose()))
        .with_sub_protocol(SUBPROTOCOL)
        .into_client_request()
        .and_then(generate_request)
        .expect("a parsed URL and a parsed key make a valid request");
    transport.write_all(&request).map_err(io)?;
    transport.flush().map_err(io)?;

    let (answer, rest) = read_head(&mut transport, host)?;
    let field = |name| {
        answer
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        let declared = field(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let body = read_body(&mut transport, rest, declared);
        let kind = field(header::CONTENT_TYPE).unwrap_or_default();
        return Err(Failure::from_answer(
            host,
            answer.status().as_u16(),
            kind,
            &body,
        ));
    }
    if field(header::SEC_WEBSOCKET_ACCEPT) != Some(&derive_accept_key(websocket_key.as_bytes())) {
        return Err(other("a wrong WebSocket answer"));
    }
    if field(header::SEC_WEBSOCKET_PROTOCOL) != Some(SUBPROTOCOL) {
        return Err(other("a WebSocket of another protocol"));
    }
    transport.stop_blocking().map_err(Failure::Local)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_ACCESS_UNIT_BYTES + 64 * 1024)
        .max_message_size(Some(MAX_JSON_BYTES))
        .max_frame_size(Some(MAX_JSON_BYTES));
    Ok(WebSocket::from_partially_read(
        transport,
        rest,
        Role::Client,
        Some(config),
    ))
}

/// The answer's head, and what came with it.
fn read_head(transport: &mut Transport, host: &str) -> Result<(Response, Vec<u8>), Failure> {
    let mut read = Vec::new();
    let mut chunk = [0; 1024];
    while read.len() < MAX_HEAD_BYTES {
        let bytes = transport
            .read(&mut chunk)
            .map_err(|error| Failure::from_io(error, host))?;
        if bytes == 0 {
            return Err(Failure::Interrupted { host: host.into() });
        }
        read.extend_from_slice(&chunk[..bytes]);
        match Response::try_parse(&read) {
            Ok(None) => {}
            Ok(Some((head_bytes, answer))) => return Ok((answer, read.split_off(head_bytes))),
            Err(_) => break,
        }
    }
    Err(Failure::NotTheService {
        host: host.into(),
        what: "no HTTP".into(),
    })
}

/// As much of the body as came and matters. An error ends it: what was read
/// still helps.
fn read_body(transport: &mut Transport, mut body: Vec<u8>, declared: Option<usize>) -> Vec<u8> {
    let wanted = declared.unwrap_or(MAX_BODY_BYTES).min(MAX_BODY_BYTES);
    let mut chunk = [0; 1024];
    while body.len() < wanted {
        match transport.read(&mut chunk) {
            Ok(bytes @ 1..) => body.extend_from_slice(&chunk[..bytes]),
            Ok(0) | Err(_) => break,
        }
    }
    body.truncate(wanted);
    body
}
