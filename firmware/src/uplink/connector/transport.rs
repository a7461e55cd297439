//! The byte stream under the WebSocket: TCP, with or without TLS.
//!
//! While a connection is set up it blocks, under one deadline for all of it;
//! then it becomes non-blocking and belongs to the upload thread.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    os::fd::{AsFd, BorrowedFd},
    time::Instant,
};

use socket2::SockRef;

use crate::uplink::tls::TlsStream;

/// Most bytes that the kernel holds unsent. The rest of a backlog stays in our
/// ring, where what is too late can still be dropped.
const NOT_SENT_LOWAT_BYTES: u32 = 32 * 1024;

/// Small messages leave at once, and backlog stays with us.
pub(super) fn tune(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    // Kernels before 3.12 lack it: more backlog in the kernel, no harm else.
    let _ = SockRef::from(tcp).set_tcp_notsent_lowat(NOT_SENT_LOWAT_BYTES);
    Ok(())
}

/// TCP that counts.
#[derive(Debug)]
pub(in crate::uplink) struct Wire {
    tcp: TcpStream,
    /// Set while the socket blocks.
    deadline: Option<Instant>,
    received_bytes: u64,
    sent_bytes: u64,
}

impl Wire {
    /// Blocks until `deadline` at most, all calls together.
    pub(super) const fn until(tcp: TcpStream, deadline: Instant) -> Self {
        Self {
            tcp,
            deadline: Some(deadline),
            received_bytes: 0,
            sent_bytes: 0,
        }
    }

    fn time_left(&self) -> io::Result<Option<std::time::Duration>> {
        let left = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(left)
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(left) = self.time_left()? {
            self.tcp.set_read_timeout(Some(left))?;
        }
        let bytes = self.tcp.read(buffer)?;
        self.received_bytes += bytes as u64;
        Ok(bytes)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(left) = self.time_left()? {
            self.tcp.set_write_timeout(Some(left))?;
        }
        let bytes = self.tcp.write(bytes)?;
        self.sent_bytes += bytes as u64;
        Ok(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// See the module.
#[derive(Debug)]
pub(in crate::uplink) enum Transport {
    Plain(Wire),
    Tls(Box<TlsStream<Wire>>),
}

impl Transport {
    /// From now on no call blocks.
    pub(super) fn stop_blocking(&mut self) -> io::Result<()> {
        let wire = match self {
            Self::Plain(wire) => wire,
            Self::Tls(tls) => tls.socket_mut(),
        };
        wire.deadline = None;
        wire.tcp.set_nonblocking(true)
    }

    /// Bytes that came over the network so far.
    pub(in crate::uplink) const fn received_bytes(&self) -> u64 {
        self.wire().received_bytes
    }

    /// Bytes that the kernel took so far.
    pub(in crate::uplink) const fn sent_bytes(&self) -> u64 {
        self.wire().sent_bytes
    }

    const fn wire(&self) -> &Wire {
        match self {
            Self::Plain(wire) => wire,
            Self::Tls(tls) => tls.socket(),
        }
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(wire) => wire.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wire().tcp.as_fd()
    }
}
