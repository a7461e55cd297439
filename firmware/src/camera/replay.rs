//! A recorded H.264 file as a camera: in real time, over and over.
//!
//! The file's beginning is read when it is opened, so that one that cannot be
//! streamed is refused at once and the interval of its keyframes is known; then
//! it is streamed picture by picture. Capture times continue evenly over the
//! loop. Memory holds one picture and one read.

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use zerocam_protocol::{
    h264::{InvalidSps, ParameterSets},
    limits::MAX_FRAME_RATE_HZ,
};

use super::{
    BitrateChange, Camera, CameraError, Pace, Picture,
    annex_b::{PictureKind, SplitError, Splitter},
    container::{self, BEGINNING_BYTES},
};

/// A process that was held up longer than this continues from now, instead of
/// sending all that was due meanwhile.
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// So much of a file is looked at when it is opened: a slow card gives it in a few
/// seconds, and whoever waits for longer is taken for stuck.
const SURVEY_BYTES: usize = 32 << 20;

/// A recorded file.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    file: File,
    splitter: Splitter,
    pace: Pace,
    /// Whether the first keyframe since the file's beginning was found.
    in_sequence: bool,
    started: Instant,
    delivered: u64,
}

impl Replay {
    /// Reads the first 32 MiB of the file and prepares to play it. `frame_rate_hz`
    /// counts more than what the file says.
    ///
    /// # Errors
    /// [`ReplayError`] when it cannot be played.
    pub fn open(path: &Path, frame_rate_hz: Option<f64>) -> Result<Self, ReplayError> {
        let survey = Survey::of(path)?;
        let rate = match frame_rate_hz.or(survey.frame_rate_hz) {
            Some(rate) if rate <= MAX_FRAME_RATE_HZ => rate,
            _ => return Err(ReplayError::FrameRate { path: path.into() }),
        };
        let interval_s = survey.longest_group as f64 / rate;
        Ok(Self {
            path: path.into(),
            file: open(path)?,
            splitter: Splitter::default(),
            pace: Pace {
                frame_rate_hz: rate,
                keyframe_interval: Duration::from_secs_f64(interval_s),
            },
            in_sequence: false,
            started: Instant::now(),
            delivered: 0,
        })
    }

    /// When the next picture is due. Computed from the start, so that no
    /// rounding adds up.
    fn due(&self) -> Instant {
        self.started + Duration::from_secs_f64(self.delivered as f64 / self.pace.frame_rate_hz)
    }

    /// Reads on until the next picture that can be shown is complete.
    fn prepare(&mut self) -> Result<(), ReplayError> {
        loop {
            match split(&self.path, self.splitter.peek())? {
                Some(PictureKind::Keyframe) => self.in_sequence = true,
                Some(_) if self.in_sequence => {}
                Some(_) => {
                    split(&self.path, self.splitter.next_unit())?;
                    continue;
                }
                None => {
                    self.read_on()?;
                    continue;
                }
            }
            return Ok(());
        }
    }

    fn read_on(&mut self) -> Result<(), ReplayError> {
        let read = self.splitter.read_from(&mut self.file);
        if read.map_err(|source| unreadable(&self.path, source))? > 0 {
            return Ok(());
        }
        if !self.splitter.has_ended() {
            self.splitter.end_input();
            return Ok(());
        }
        if !self.in_sequence {
            // It was fine when it was opened.
            return Err(ReplayError::NoKeyframe {
                path: self.path.clone(),
            });
        }
        self.file
            .rewind()
            .map_err(|source| unreadable(&self.path, source))?;
        self.splitter = Splitter::default();
        self.in_sequence = false;
        Ok(())
    }
}

impl Camera for Replay {
    fn pace(&self) -> Pace {
        self.pace
    }

    fn next_picture(&mut self, patience: Duration) -> Result<Option<Picture<'_>>, CameraError> {
        let wait = self.due().saturating_duration_since(Instant::now());
        thread::sleep(wait.min(patience));
        if wait > patience {
            return Ok(None);
        }
        self.prepare()?;
        let delay = self.due().elapsed();
        if delay > LONGEST_DELAY {
            self.started += delay;
        }
        let captured = self.due();
        self.delivered += 1;
        let unit = split(&self.path, self.splitter.next_unit())?;
        Ok(unit.map(|unit| Picture::of(unit, captured)))
    }

    /// What is recorded stays as it is.
    fn set_bitrate(&mut self, _: u32) -> BitrateChange {
        BitrateChange::Impossible
    }
}

/// What reading a file through tells.
struct Survey {
    frame_rate_hz: Option<f64>,
    /// Most pictures from one keyframe to the next, or to the file's end.
    longest_group: u64,
}

impl Survey {
    fn of(path: &Path) -> Result<Self, ReplayError> {
        let mut file = open(path)?;
        let beginning = beginning(path, &mut file)?;
        let mut splitter = Splitter::default();
        splitter.push(&beginning);
        let mut pictures = 0_u64;
        let mut orphan_keyframes = false;
        let mut sets = None;
        let (mut group, mut longest_group) = (0, 0);
        let mut file_bytes = beginning.len();
        while file_bytes < SURVEY_BYTES {
            while let Some(unit) = split(path, splitter.next_unit())? {
                pictures += 1;
                if unit.bidirectional {
                    return Err(ReplayError::Bidirectional {
                        path: path.into(),
                        picture: pictures,
                    });
                }
                match unit.kind {
                    PictureKind::Keyframe => {
                        sets = sets
                            .or_else(|| ParameterSets::find(unit.parameter_sets))
                            .or_else(|| ParameterSets::find(unit.bytes));
                        group = 1;
                    }
                    PictureKind::KeyframeWithoutParameterSets => orphan_keyframes = true,
                    PictureKind::Delta => group += u64::from(sets.is_some()),
                }
                longest_group = longest_group.max(group);
            }
            let read = splitter.read_from(&mut file);
            file_bytes += match read.map_err(|source| unreadable(path, source))? {
                0 if splitter.has_ended() => break,
                0 => {
                    splitter.end_input();
                    0
                }
                bytes => bytes,
            };
        }
        let path = || path.into();
        let Some(sets) = sets else {
            return Err(match (pictures, orphan_keyframes) {
                (0, _) => ReplayError::NoPicture { path: path() },
                (_, false) => ReplayError::NoKeyframe { path: path() },
                (_, true) => ReplayError::NoParameterSets { path: path() },
            });
        };
        let format = sets.video_format();
        let format = format.map_err(|source| ReplayError::Sps {
            path: path(),
            source,
        })?;
        Ok(Self {
            frame_rate_hz: format.frame_rate_hz,
            longest_group,
        })
    }
}

fn open(path: &Path) -> Result<File, ReplayError> {
    File::open(path).map_err(|source| unreadable(path, source))
}

/// The first bytes, once they are known to be raw H.264's.
fn beginning(path: &Path, file: &mut File) -> Result<Vec<u8>, ReplayError> {
    let mut bytes = Vec::new();
    file.take(BEGINNING_BYTES as u64)
        .read_to_end(&mut bytes)
        .map_err(|source| unreadable(path, source))?;
    let path = || path.into();
    if bytes.is_empty() {
        Err(ReplayError::Empty { path: path() })
    } else if let Some(name) = container::name(&bytes) {
        let path = path();
        Err(ReplayError::Container { path, name })
    } else if container::is_annex_b(&bytes) {
        Ok(bytes)
    } else {
        Err(ReplayError::NoStartCode { path: path() })
    }
}

fn unreadable(path: &Path, source: io::Error) -> ReplayError {
    ReplayError::Unreadable {
        path: path.into(),
        source,
    }
}

fn split<T>(path: &Path, result: Result<T, SplitError>) -> Result<T, ReplayError> {
    result.map_err(|source| ReplayError::NotH264 {
        path: path.into(),
        source,
    })
}

/// How to make a file that can be played, for a shell whatever the path is.
struct Convert<'a>(&'a Path);

impl std::fmt::Display for Convert<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.0.display().to_string().replace('\'', r"'\''");
        write!(
            f,
            "convert it: `ffmpeg -i '{path}' -an -c:v libx264 -bf 0 -f h264 NEW.h264`"
        )
    }
}

/// Why a file cannot be played.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ReplayError {
    #[error("cannot read {}: {source}; check its name and permissions", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is empty: record it anew", path.display())]
    Empty { path: PathBuf },
    #[error("{} is {name} file, not raw H.264; {}", path.display(), Convert(path))]
    Container { path: PathBuf, name: &'static str },
    #[error("{} is no raw H.264: it does not begin with a start code; {}", path.display(), Convert(path))]
    NoStartCode { path: PathBuf },
    #[error("{}: {source}; {}", path.display(), Convert(path))]
    NotH264 { path: PathBuf, source: SplitError },
    #[error("{} holds no H.264 picture; {}", path.display(), Convert(path))]
    NoPicture { path: PathBuf },
    #[error("{} has no keyframe (IDR picture), so that nobody could start to watch; {}", path.display(), Convert(path))]
    NoKeyframe { path: PathBuf },
    #[error("{} has no parameter sets (SPS and PPS), so that no player could decode it; {}", path.display(), Convert(path))]
    NoParameterSets { path: PathBuf },
    #[error("{}: {source}; {}", path.display(), Convert(path))]
    Sps { path: PathBuf, source: InvalidSps },
    #[error("{} has B-frames (picture {picture} is one), which no live camera makes; {}", path.display(), Convert(path))]
    Bidirectional { path: PathBuf, picture: u64 },
    #[error("{} does not say its frame rate, or says more than {MAX_FRAME_RATE_HZ}: set frame_rate_hz in [camera]", path.display())]
    FrameRate { path: PathBuf },
}
