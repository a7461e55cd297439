//! A running ffmpeg and its pipes. One future moves all of its bytes, so that
//! neither side can wait for the other.

use std::{collections::VecDeque, io, process::ExitStatus};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStderr, ChildStdin, ChildStdout},
};

/// Standard output is read in pieces of at most this many bytes.
const READ_BYTES: usize = 64 * 1024;

/// Of standard error, the last bytes are kept for the log.
const LAST_WORDS_BYTES: usize = 600;

/// One running ffmpeg with its pipes.
#[derive(Debug)]
pub struct Child {
    process: tokio::process::Child,
    /// `None` once it is closed.
    input: Option<ChildStdin>,
    /// What is still to be written to it; bounded by whoever feeds.
    unwritten: VecDeque<Bytes>,
    /// The input closes when all is written.
    closing: bool,
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    last_words: BytesMut,
}

/// What a child did.
#[derive(Debug)]
pub enum ChildEvent {
    /// It wrote this to standard output.
    Output(Bytes),
    /// It ended; nothing follows. How, with its last words.
    Exited(String),
}

impl Child {
    /// Takes over a process whose three pipes are ours.
    pub(super) fn new(mut process: tokio::process::Child) -> Self {
        Self {
            input: process.stdin.take(),
            unwritten: VecDeque::new(),
            closing: false,
            output: process.stdout.take(),
            errors: process.stderr.take(),
            last_words: BytesMut::new(),
            process,
        }
    }

    /// Its process id, until it was seen to end.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Queues input; [`Self::next`] writes it.
    pub fn feed(&mut self, input: Bytes) {
        if self.input.is_some() {
            self.unwritten.push_back(input);
        }
    }

    /// Closes the input once all is written: ffmpeg then writes the frame that
    /// it holds, and ends.
    pub fn close_input(&mut self) {
        self.closing = true;
        if self.unwritten.is_empty() {
            self.input = None;
        }
    }

    /// Moves bytes until there is something to tell. Nothing is lost when the
    /// future is dropped before it is ready.
    pub async fn next(&mut self) -> ChildEvent {
        let mut output = BytesMut::new();
        let mut errors = BytesMut::new();
        loop {
            tokio::select! {
                written = write_some(&mut self.input, &self.unwritten), if !self.unwritten.is_empty() => {
                    self.wrote(written);
                }
                read = read_some(&mut self.output, &mut output), if self.output.is_some() => {
                    if read > 0 {
                        return ChildEvent::Output(output.freeze());
                    }
                    self.output = None;
                }
                read = read_some(&mut self.errors, &mut errors), if self.errors.is_some() => {
                    if read == 0 {
                        self.errors = None;
                    }
                    self.last_words.extend_from_slice(&errors);
                    errors.clear();
                    let excess = self.last_words.len().saturating_sub(LAST_WORDS_BYTES);
                    self.last_words.advance(excess);
                }
                status = self.process.wait(), if self.output.is_none() && self.errors.is_none() => {
                    return ChildEvent::Exited(self.obituary(status));
                }
            }
        }
    }

    fn wrote(&mut self, written: io::Result<usize>) {
        match (written, self.unwritten.front_mut()) {
            (Ok(bytes), Some(front)) => {
                front.advance(bytes);
                if front.is_empty() {
                    self.unwritten.pop_front();
                }
                if self.closing && self.unwritten.is_empty() {
                    self.input = None;
                }
            }
            // It no longer reads: its end, which follows, says why.
            _ => {
                self.unwritten.clear();
                self.input = None;
            }
        }
    }

    fn obituary(&self, status: io::Result<ExitStatus>) -> String {
        let status = match status {
            Ok(status) => status.to_string(),
            Err(error) => format!("unknown exit status: {error}"),
        };
        let words = String::from_utf8_lossy(&self.last_words);
        match words.trim() {
            "" => status,
            words => format!("{status}: {}", words.replace('\n', " | ")),
        }
    }

    /// Ends it at once, and takes its exit status from the kernel, so that no
    /// zombie stays.
    pub fn kill(mut self) {
        tokio::spawn(async move {
            if let Err(error) = self.process.kill().await {
                tracing::warn!(%error, "cannot kill ffmpeg");
            }
        });
    }
}

async fn write_some(
    input: &mut Option<ChildStdin>,
    unwritten: &VecDeque<Bytes>,
) -> io::Result<usize> {
    match (input, unwritten.front()) {
        (Some(input), Some(front)) => input.write(front).await,
        _ => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

/// Reads into a buffer: 0 at the end, and when the pipe breaks, which only its
/// end can follow.
async fn read_some(pipe: &mut Option<impl AsyncReadExt + Unpin>, buffer: &mut BytesMut) -> usize {
    let Some(pipe) = pipe else { return 0 };
    buffer.reserve(READ_BYTES);
    pipe.read_buf(buffer).await.unwrap_or(0)
}
