//! Many viewers at once, each on a connection of its own: what a player asks
//! for, without decoding any of it.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::watch,
    time::sleep,
};

/// Connections are opened over this time, as people come.
const ARRIVAL: Duration = Duration::from_secs(3);

/// How a viewer watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// `plain.m3u8`, every segment.
    Plain,
    /// `index.m3u8` with blocking reloads and deltas, every part.
    LowLatency,
    /// `live.mp4`.
    Instant,
    /// The same file again and again, as fast as it comes.
    Repeat,
}

/// What viewers noted.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Each time that something new was there: the newest frame in it, and
    /// when all of it had arrived.
    pub(crate) news: Vec<(u64, Instant)>,
    /// Responses, and frames of endless ones.
    pub(crate) answers: usize,
    /// Bytes of bodies.
    pub(crate) bytes: usize,
}

/// Viewers at work, until they are asked for their notes.
#[derive(Debug)]
pub(crate) struct Load {
    notes: Arc<Mutex<Notes>>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Load {
    /// So many viewers of what is below a path.
    pub(crate) fn start(way: Way, viewers: usize, address: SocketAddr, path: &str) -> Self {
        let notes = Arc::<Mutex<Notes>>::default();
        let (stop, stopped) = watch::channel(false);
        let (shared, path) = (notes.clone(), Arc::<str>::from(path));
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("the kernel gives an epoll");
            runtime.block_on(async {
                for number in 0..viewers {
                    let (notes, path) = (shared.clone(), path.clone());
                    tokio::spawn(async move {
                        sleep(ARRIVAL * number as u32 / viewers as u32).await;
                        let viewer = Viewer::connect(address, path, notes).await;
                        let watched = match viewer {
                            Ok(mut viewer) => viewer.watch(way).await,
                            Err(error) => Err(error),
                        };
                        if let Err(error) = watched {
                            println!("a viewer gave up: {error}");
                        }
                    });
                }
                let mut stopped = stopped;
                // An error is a bench that has ended.
                let _ = stopped.wait_for(|stopped| *stopped).await;
            });
        });
        let load = Self {
            notes,
            stop,
            thread,
        };
        thread::sleep(ARRIVAL + Duration::from_secs(2));
        load.take_notes();
        load
    }

    /// What was noted since the last time.
    pub(crate) fn take_notes(&self) -> Notes {
        std::mem::take(&mut self.notes.lock().expect("nobody panicked"))
    }

    /// Everybody leaves.
    pub(crate) fn end(self) {
        self.stop.send_replace(true);
        self.thread.join().expect("a load does not panic");
    }
}

struct Viewer {
    stream: BufReader<TcpStream>,
    path: Arc<str>,
    notes: Arc<Mutex<Notes>>,
    line: String,
}

impl Viewer {
    async fn connect(
        address: SocketAddr,
        path: Arc<str>,
        notes: Arc<Mutex<Notes>>,
    ) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(64 * 1024, stream),
            path,
            notes,
            line: String::new(),
        })
    }

    async fn watch(&mut self, way: Way) -> io::Result<()> {
        match way {
            Way::Plain => self.plain().await,
            Way::LowLatency => self.low_latency().await,
            Way::Instant => self.instant().await,
            Way::Repeat => loop {
                let bytes = self.ask("").await?;
                self.skip(bytes).await?;
                self.note(bytes, None);
            },
        }
    }

    /// Asks as often as a new segment may be there.
    async fn plain(&mut self) -> io::Result<()> {
        let mut known = None;
        loop {
            let playlist = self.text("plain.m3u8").await?;
            let segments = playlist.lines().filter(|line| line.ends_with(".m4s"));
            for segment in new(segments, &mut known) {
                let bytes = self.ask(&segment).await?;
                self.skip(bytes).await?;
                self.note(bytes, None);
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    async fn low_latency(&mut self) -> io::Result<()> {
        let mut playlist = self.text("index.m3u8").await?;
        let mut known = None;
        loop {
            let parts = playlist
                .lines()
                .filter(|line| line.starts_with("#EXT-X-PART:"))
                .filter_map(quoted);
            for part in new(parts, &mut known) {
                let bytes = self.ask(&part).await?;
                self.skip(bytes).await?;
                self.note(bytes, None);
            }
            let place = next_place(&playlist).ok_or_else(|| garbage("a playlist", &playlist))?;
            playlist = self
                .text(&format!("index.m3u8?{place}&_HLS_skip=YES"))
                .await?;
            // The hinted part is named by its first frame.
            let hint = playlist
                .lines()
                .find(|line| line.starts_with("#EXT-X-PRELOAD-HINT:"))
                .and_then(quoted)
                .and_then(|uri| uri.split(['/', '.']).nth(1)?.parse::<u64>().ok());
            if let Some(frame) = hint {
                self.note(0, frame.checked_sub(1));
            }
        }
    }

    /// The service sends each frame as a chunk of its own.
    async fn instant(&mut self) -> io::Result<()> {
        self.ask("live.mp4").await?;
        loop {
            self.read_line().await?;
            let bytes = usize::from_str_radix(&self.line, 16)
                .map_err(|_| garbage("a chunk", &self.line))?;
            let mut head = [0; 24];
            let read = bytes.min(head.len());
            self.stream.read_exact(&mut head[..read]).await?;
            self.skip(bytes - read + 2).await?;
            if head[4..8] == *b"moof" {
                let number = u32::from_be_bytes([head[20], head[21], head[22], head[23]]);
                self.note(bytes, Some(u64::from(number) - 1));
            }
        }
    }

    fn note(&self, bytes: usize, news: Option<u64>) {
        let mut notes = self.notes.lock().expect("nobody panicked");
        notes.answers += 1;
        notes.bytes += bytes;
        notes.news.extend(news.map(|frame| (frame, Instant::now())));
    }

    /// Sends a request and reads the head of its answer; gives its length, 0
    /// if it does not say.
    async fn ask(&mut self, file: &str) -> io::Result<usize> {
        let request = format!("GET {}{file} HTTP/1.1\r\nhost: bench\r\n\r\n", self.path);
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        self.read_line().await?;
        if !self.line.starts_with("HTTP/1.1 200") {
            return Err(garbage("an answer", &self.line));
        }
        let mut length = 0;
        while !self.line.is_empty() {
            self.read_line().await?;
            if let Some((name, value)) = self.line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        Ok(length)
    }

    async fn text(&mut self, file: &str) -> io::Result<String> {
        let length = self.ask(file).await?;
        let mut text = vec![0; length];
        self.stream.read_exact(&mut text).await?;
        self.note(length, None);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    async fn skip(&mut self, mut bytes: usize) -> io::Result<()> {
        while bytes > 0 {
            let there = self.stream.fill_buf().await?.len();
            if there == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.stream.consume(there.min(bytes));
            bytes -= there.min(bytes);
        }
        Ok(())
    }

    async fn read_line(&mut self) -> io::Result<()> {
        self.line.clear();
        if self.stream.read_line(&mut self.line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.line.truncate(self.line.trim_end().len());
        Ok(())
    }
}

/// What comes after the one that was seen last; at first, only the newest.
fn new<'a>(uris: impl Iterator<Item = &'a str>, known: &mut Option<String>) -> Vec<String> {
    let uris: Vec<&str> = uris.collect();
    let from = match known {
        Some(last) => uris
            .iter()
            .position(|uri| uri == last)
            .map_or(0, |at| at + 1),
        None => uris.len().saturating_sub(1),
    };
    *known = uris.last().map(|last| (*last).to_owned()).or(known.take());
    uris[from..].iter().map(|uri| (*uri).to_owned()).collect()
}

fn quoted(line: &str) -> Option<&str> {
    line.split_once("URI=\"")?.1.split('"').next()
}

/// The directives that wait for the next part (RFC 8216bis, section 6.2.5.2).
fn next_place(playlist: &str) -> Option<String> {
    let first = playlist
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"))?;
    let skipped = playlist
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-SKIP:SKIPPED-SEGMENTS="))
        .unwrap_or("0");
    let segments = playlist.lines().filter(|line| line.starts_with("#EXTINF:"));
    let segment =
        first.parse::<u64>().ok()? + skipped.parse::<u64>().ok()? + segments.count() as u64;
    let (_, open) = playlist.rsplit_once("#EXTINF:")?;
    let parts = open
        .lines()
        .filter(|line| line.starts_with("#EXT-X-PART:"))
        .count();
    Some(format!("_HLS_msn={segment}&_HLS_part={parts}"))
}

fn garbage(what: &str, text: &str) -> io::Error {
    io::Error::other(format!("this is not {what}: {text}"))
}
