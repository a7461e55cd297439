//! The proxy against plain sockets.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    time::Instant,
};

use super::*;
use crate::within;

/// Far more than anything here takes.
const LONG: Duration = Duration::from_secs(20);

struct Line {
    proxy: FaultProxy,
    listener: TcpListener,
}

impl Line {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            proxy: FaultProxy::before(listener.local_addr().unwrap()),
            listener,
        }
    }

    fn connect(&self) -> (TcpStream, TcpStream) {
        let before = self.proxy.connections();
        let client = TcpStream::connect(self.proxy.address()).unwrap();
        let (server, _) = self.listener.accept().unwrap();
        within(Duration::from_secs(1), "the proxy passes on", || {
            (self.proxy.connections() > before).then_some(())
        });
        for socket in [&client, &server] {
            socket.set_read_timeout(Some(LONG)).unwrap();
            socket.set_write_timeout(Some(LONG)).unwrap();
        }
        (client, server)
    }
}

fn expect(socket: &mut TcpStream, text: &[u8]) {
    let mut bytes = vec![0; text.len()];
    socket.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes, text);
}

fn expect_silence(socket: &mut TcpStream) {
    socket
        .set_read_timeout(Some(Duration::from_millis(150)))
        .unwrap();
    let error = socket.read(&mut [0]).unwrap_err();
    assert!(
        matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
        ),
        "{error}"
    );
    socket.set_read_timeout(Some(LONG)).unwrap();
}

#[test]
fn passes_everything_both_ways_and_the_end_too() {
    let line = Line::new();
    let (mut client, mut server) = line.connect();
    client.write_all(b"question").unwrap();
    expect(&mut server, b"question");
    server.write_all(b"answer").unwrap();
    expect(&mut client, b"answer");

    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    server.write_all(b"still here").unwrap();
    expect(&mut client, b"still here");
    drop(server);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    assert_eq!(line.proxy.uploads(), [b"question".to_vec()]);
    assert_eq!(line.proxy.traffic_bytes(), (8, 16));
}

#[test]
fn a_stall_holds_up_what_is_open_and_loses_nothing() {
    let line = Line::new();
    let (mut client, mut server) = line.connect();
    line.proxy.apply(&Fault::Stall(true));
    client.write_all(b"late").unwrap();
    expect_silence(&mut server);
    let (mut other, mut other_server) = line.connect();
    other.write_all(b"unharmed").unwrap();
    expect(&mut other_server, b"unharmed");
    line.proxy.apply(&Fault::Stall(false));
    expect(&mut server, b"late");
}

#[test]
fn little_fits_into_a_stalled_connection() {
    let line = Line::new();
    let (mut client, _server) = line.connect();
    rustix::net::sockopt::set_socket_send_buffer_size(&client, SOCKET_BUFFER_BYTES).unwrap();
    line.proxy.apply(&Fault::Stall(true));
    client.set_nonblocking(true).unwrap();
    let mut taken = 0;
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(500) {
        taken += client.write(&[7; 1000]).unwrap_or(0);
    }
    // Both ends' buffers (the kernel doubles them), what the proxy holds, and
    // the kernel's own way of counting.
    println!("a stalled connection took {taken} bytes");
    assert!(taken < 20 * SOCKET_BUFFER_BYTES, "{taken}");
}

#[test]
fn in_a_blackout_nobody_gets_through_until_it_is_over() {
    let line = Line::new();
    let (mut client, mut server) = line.connect();
    line.proxy.apply(&Fault::Blackout(true));
    client.write_all(b"late").unwrap();
    expect_silence(&mut server);
    let mut caller = TcpStream::connect(line.proxy.address()).unwrap();
    caller.write_all(b"hello?").unwrap();
    line.listener.set_nonblocking(true).unwrap();
    assert!(line.listener.accept().is_err());
    line.proxy.apply(&Fault::Blackout(false));
    expect(&mut server, b"late");
    line.listener.set_nonblocking(false).unwrap();
    let (mut answered, _) = line.listener.accept().unwrap();
    expect(&mut answered, b"hello?");
}

#[test]
fn a_half_open_connection_looks_open_to_both_ends() {
    let line = Line::new();
    let (mut client, mut server) = line.connect();
    line.proxy.apply(&Fault::HalfOpen);
    client.write_all(b"into the void").unwrap();
    server.write_all(b"likewise").unwrap();
    expect_silence(&mut server);
    expect_silence(&mut client);
    drop(server);
    expect_silence(&mut client);
}

#[test]
fn a_reset_ends_both_ends() {
    let line = Line::new();
    let (mut client, mut server) = line.connect();
    line.proxy.apply(&Fault::Reset);
    for socket in [&mut client, &mut server] {
        let error = socket.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
    let (mut again, mut server) = line.connect();
    again.write_all(b"back").unwrap();
    expect(&mut server, b"back");
    assert_eq!(line.proxy.connections(), 2);
}

#[test]
fn a_rate_is_kept() {
    let line = Line::new();
    let (mut client, mut server) = line.connect();
    let rate = 100_000;
    line.proxy.apply(&Fault::Rate(Some(rate)));
    let sender = thread::spawn(move || {
        client.write_all(&[1; 60_000]).unwrap();
        client
    });
    let since = Instant::now();
    let mut received = vec![0; 60_000];
    server.read_exact(&mut received).unwrap();
    let fastest = (60_000.0 - 4096.0) / rate as f64;
    let took = since.elapsed().as_secs_f64();
    println!("60000 bytes at {rate} bytes/s took {took:.2} s");
    assert!(took >= fastest * 0.9, "the bucket let more through");
    sender.join().unwrap();
}

#[test]
fn a_delay_holds_every_byte_and_keeps_the_order() {
    let line = Line::new();
    let (mut client, mut server) = line.connect();
    line.proxy.apply(&Fault::Delay(Duration::from_millis(200)));
    thread::sleep(2 * TICK);
    let since = Instant::now();
    client.write_all(b"one").unwrap();
    client.write_all(b"two").unwrap();
    expect(&mut server, b"onetwo");
    assert!(since.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_service_that_is_not_there_closes_the_connection() {
    let vacant = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = vacant.local_addr().unwrap();
    drop(vacant);
    let proxy = FaultProxy::before(address);
    let mut client = TcpStream::connect(proxy.address()).unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    assert!(matches!(client.read(&mut [0]), Ok(0)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.apply(&Fault::Upstream(listener.local_addr().unwrap()));
    let _client = TcpStream::connect(proxy.address()).unwrap();
    listener.accept().unwrap();
}
