//! One direction of one connection.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use super::{Conditions, Connection, Network, SOCKET_BUFFER_BYTES, Sockets, front, locked};

/// What may be on its way beyond the socket buffers, per second of delay: a
/// long line holds more. 16 Mb/s.
const DELAYED_BYTES_PER_SECOND: u64 = 2_000_000;
/// Most that a connection gives to the link in its turn.
const TURN_BYTES: usize = 4096;

/// How soon it is looked again whether more may pass.
const PAUSE: Duration = Duration::from_millis(2);

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// Bytes and when they are due.
struct Chunk {
    due: Instant,
    bytes: Vec<u8>,
    /// How many of them the link has, and lets pass then.
    on_link: usize,
}

/// Passes bytes on until an end closes, the connection is reset or the proxy
/// closes.
pub(super) fn pump(
    network: &Network,
    connection: &Connection,
    sockets: &Sockets,
    direction: Direction,
) {
    match pass_all(network, connection, sockets, direction) {
        // The sender is done; the other direction may go on. Fails when the
        // receiver has gone, which is as good.
        Ok(()) => drop(sockets.ends(direction).1.shutdown(Shutdown::Write)),
        Err(_) => {
            connection.reset.store(true, Ordering::Relaxed);
            sockets.close_with_reset();
        }
    }
}

fn pass_all(
    network: &Network,
    connection: &Connection,
    sockets: &Sockets,
    direction: Direction,
) -> io::Result<()> {
    let (mut from, to) = sockets.ends(direction);
    let mut on_the_way: VecDeque<Chunk> = VecDeque::new();
    let mut held_bytes = 0;
    let mut buffer = [0; SOCKET_BUFFER_BYTES];
    let mut ended = false;
    // A request's head, until all of it is there.
    let is_head = direction == Direction::Up && network.conditions().front;
    let mut head = is_head.then(Vec::new);
    while !network.is_closing() && !connection.reset.load(Ordering::Relaxed) {
        let mut arrived: &[u8] = &[];
        if ended || held_bytes >= capacity(&network.conditions()) {
            thread::sleep(PAUSE);
        } else {
            match from.read(&mut buffer) {
                Ok(0) => ended = true,
                Ok(count) => arrived = &buffer[..count],
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error),
            }
        }
        // After the wait, so that a change since then counts.
        let conditions = network.conditions().clone();
        if conditions
            .limit
            .is_some_and(|limit| connection.opened.elapsed() >= limit)
        {
            break;
        }
        if !arrived.is_empty() {
            record(connection, direction, arrived);
            let bytes = through_front(&mut head, arrived);
            if !bytes.is_empty() {
                held_bytes += bytes.len();
                on_the_way.push_back(Chunk {
                    due: Instant::now() + conditions.delay,
                    bytes,
                    on_link: 0,
                });
            }
        }
        if connection.cut_off.load(Ordering::Relaxed) {
            on_the_way.clear();
            held_bytes = 0;
            // Neither end hears that the other has gone.
            continue;
        }
        let held_up = conditions.blackout || connection.stalled.load(Ordering::Relaxed);
        while let Some(chunk) = on_the_way.front_mut()
            && !held_up
            && chunk.due <= Instant::now()
        {
            if chunk.on_link == 0 {
                chunk.on_link = chunk.bytes.len().min(TURN_BYTES);
                let rate = conditions.bytes_per_second;
                chunk.due = network.link(direction).pass(rate, chunk.on_link);
                continue;
            }
            let written = write_some(to, &chunk.bytes[..chunk.on_link])?;
            held_bytes -= written;
            chunk.bytes.drain(..written);
            chunk.on_link -= written;
            if chunk.bytes.is_empty() {
                on_the_way.pop_front();
            } else if chunk.on_link > 0 {
                break;
            }
        }
        if ended && on_the_way.is_empty() {
            return Ok(());
        }
    }
    Err(ErrorKind::ConnectionAborted.into())
}

/// What is passed on of what arrived; nothing while a head is incomplete.
fn through_front(head: &mut Option<Vec<u8>>, arrived: &[u8]) -> Vec<u8> {
    let Some(begun) = head else {
        return arrived.to_vec();
    };
    begun.extend_from_slice(arrived);
    let Some(end) = front::head_end(begun) else {
        return Vec::new();
    };
    let mut bytes = front::alone(&begun[..end]);
    bytes.extend_from_slice(&begun[end..]);
    *head = None;
    bytes
}

fn capacity(conditions: &Conditions) -> usize {
    let delayed = conditions.delay.as_millis() as u64 * DELAYED_BYTES_PER_SECOND / 1000;
    SOCKET_BUFFER_BYTES + delayed as usize
}

fn record(connection: &Connection, direction: Direction, bytes: &[u8]) {
    match direction {
        Direction::Up => locked(&connection.upload).extend_from_slice(bytes),
        Direction::Down => {
            let count = bytes.len() as u64;
            connection
                .download_bytes
                .fetch_add(count, Ordering::Relaxed);
        }
    }
}

/// Writes what the receiver takes now.
fn write_some(mut to: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match to.write(bytes) {
        Err(error) if is_timeout(&error) => Ok(0),
        result => result,
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// What all connections share in one direction.
#[derive(Debug)]
pub(super) struct Link {
    /// When all has passed that was given to it.
    free_at: Instant,
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            free_at: Instant::now(),
        }
    }

    /// Takes in so many bytes; says when they have passed.
    fn pass(&mut self, bytes_per_second: Option<u64>, bytes: usize) -> Instant {
        let now = Instant::now();
        self.free_at = self.free_at.max(now);
        match bytes_per_second {
            None => self.free_at = now,
            Some(rate) => self.free_at += Duration::from_secs_f64(bytes as f64 / rate as f64),
        }
        self.free_at
    }
}
