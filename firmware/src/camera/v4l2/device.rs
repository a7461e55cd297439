//! The device itself: the only file that touches the crate v4l.
//!
//! What the crate leaves to its user is done here:
//! - it waits for buffers without a bound: this file polls first, and asks for a
//!   buffer only when one is ready, so that a wait that ends in vain leaves the
//!   stream as it was;
//! - dropping its stream panics when the device cannot be stopped: it is stopped
//!   explicitly before;
//! - enumerating controls panics on newer kinds: each is asked for by its number;
//! - one call sets controls of one class only: each is set by a call of its own.

use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

use rustix::{
    event::PollFlags,
    io::Errno,
    time::{ClockId, clock_gettime},
};
use tracing::{debug, warn};
use v4l::{
    Format, FourCC, Fraction,
    buffer::{Flags, Type},
    control::Value,
    io::{
        mmap,
        traits::{CaptureStream, Stream as _},
    },
    video::{Capture, capture::Parameters},
};

use super::{
    Fault,
    controls::{Control, bitrate, controls},
    flow::Buffers,
    pictures::{Buffer, Clock},
};
use crate::config::{EncoderSettings, View};

/// Enough that a busy moment of 100 ms loses no picture at 25 Hz.
const BUFFERS: u32 = 4;

/// A buffer that is ready comes at once; this only bounds what must not happen.
const READY_BUFFER_DEADLINE: Duration = Duration::from_millis(500);

/// How often a call that a signal interrupted is repeated.
const MAX_INTERRUPTIONS: u32 = 10;

const H264: &[u8; 4] = b"H264";

/// An open device and its running stream.
pub(super) struct Device {
    device: v4l::Device,
    /// `None` only while it is made anew.
    stream: Option<mmap::Stream<'static>>,
}

impl Device {
    /// Opens and configures it, and starts the stream; also returns the frame
    /// rate that it really has.
    pub(super) fn open(
        path: &Path,
        view: &View,
        encoder: &EncoderSettings,
    ) -> Result<(Self, f64), Fault> {
        let device = v4l::Device::with_path(path).map_err(Fault::of_opening)?;
        choose_h264(&device, view)?;
        let frame_rate_hz = set_frame_rate(&device, view.frame_rate_hz)?;
        let real = View {
            frame_rate_hz,
            ..view.clone()
        };
        set_controls(&device, &controls(&real, encoder))?;
        let stream = start(&device)?;
        let device = Self {
            device,
            stream: Some(stream),
        };
        Ok((device, frame_rate_hz))
    }

    /// Changes the bitrate while pictures flow.
    pub(super) fn set_bitrate(&self, bits_per_second: u32) -> io::Result<()> {
        set(&self.device, bitrate(bits_per_second))
    }
}

impl Buffers for Device {
    fn wait(&mut self, patience: Duration) -> io::Result<bool> {
        let patience_ms = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        let events = PollFlags::IN.bits().cast_signed();
        let ready = self.device.handle().poll(events, patience_ms)?;
        Ok(ready > 0)
    }

    fn next(&mut self) -> io::Result<Buffer<'_>> {
        let stream = self.stream.as_mut().ok_or(Errno::NODEV)?;
        let (memory, meta) = stream.next()?;
        let stamp = (u64::try_from(meta.timestamp.sec).ok())
            .zip(u32::try_from(meta.timestamp.usec).ok())
            .filter(|(_, micros)| *micros < 1_000_000)
            .map(|(seconds, micros)| Duration::new(seconds, micros * 1000));
        let monotonic = meta.flags & Flags::TIMESTAMP_MASK == Flags::TIMESTAMP_MONOTONIC;
        Ok(Buffer {
            memory,
            used_bytes: meta.bytesused as usize,
            damaged: meta.flags.contains(Flags::ERROR),
            sequence: meta.sequence,
            stamp: stamp.filter(|_| monotonic),
        })
    }

    fn restart(&mut self) -> Result<(), Fault> {
        close(self.stream.take());
        self.stream = Some(start(&self.device)?);
        Ok(())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        close(self.stream.take());
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").finish_non_exhaustive()
    }
}

/// Where the clock of the buffers' stamps stands.
pub(super) fn clock() -> Clock {
    let now = clock_gettime(ClockId::Monotonic);
    Clock {
        instant: Instant::now(),
        monotonic: now.try_into().unwrap_or_default(),
    }
}

fn choose_h264(device: &v4l::Device, view: &View) -> Result<(), Fault> {
    let offered = device.enum_formats();
    let offered = offered.map_err(|error| Fault::of("ask for its formats", error))?;
    let h264 = FourCC::new(H264);
    if offered.iter().all(|format| format.fourcc != h264) {
        let offers = offered.iter().map(|format| format.fourcc.to_string());
        return Err(Fault::NoH264 {
            offers: offers.collect(),
        });
    }
    let format = device
        .set_format(&Format::new(view.width, view.height, h264))
        .map_err(|error| Fault::of("set its format", error))?;
    if format.fourcc != h264 {
        return Err(Fault::NoH264 {
            offers: vec![format.fourcc.to_string()],
        });
    }
    if (format.width, format.height) != (view.width, view.height) {
        let (width, height) = (format.width, format.height);
        warn!(
            width,
            height, "the camera has no pictures of the configured size: this is the nearest"
        );
    }
    Ok(())
}

/// Returns the rate that the device says it has, else the wanted one.
fn set_frame_rate(device: &v4l::Device, wanted_hz: f64) -> Result<f64, Fault> {
    let interval = Fraction::new(1000, (wanted_hz * 1000.0).round() as u32);
    let interval = match device.set_params(&Parameters::new(interval)) {
        Ok(parameters) => parameters.interval,
        Err(error) if is_missing(&error) => {
            debug!("the camera's frame rate cannot be set");
            return Ok(wanted_hz);
        }
        Err(error) => return Err(Fault::of("set its frame rate", error)),
    };
    if interval.numerator == 0 || interval.denominator == 0 {
        return Ok(wanted_hz);
    }
    let real_hz = f64::from(interval.denominator) / f64::from(interval.numerator);
    if (real_hz - wanted_hz).abs() > wanted_hz / 100.0 {
        warn!(
            frame_rate_hz = real_hz,
            "the camera has no such frame rate as configured: this is the nearest"
        );
    }
    Ok(real_hz)
}

/// Sets what the device has and takes; the rest is left out. One that hangs is
/// given up at once: it lets every call wait for seconds.
fn set_controls(device: &v4l::Device, controls: &[Control]) -> Result<(), Fault> {
    let mut missing = Vec::new();
    for &control in controls {
        match device.control(control.id) {
            Err(error) if is_missing(&error) => missing.push(control.name),
            _ => {
                if let Err(error) = set(device, control) {
                    let Control { name, value, .. } = control;
                    warn!(%error, "the camera does not take {name} = {value}");
                    if is_the_end(&error) {
                        return Err(Fault::of("set its controls", error));
                    }
                }
            }
        }
    }
    if !missing.is_empty() {
        debug!("the camera does not offer {}", missing.join(", "));
    }
    Ok(())
}

fn set(device: &v4l::Device, control: Control) -> io::Result<()> {
    patiently(|| {
        device.set_control(v4l::Control {
            id: control.id,
            value: Value::Integer(control.value),
        })
    })
}

/// Repeats a call that a signal interrupted.
fn patiently(mut call: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    for _ in 0..MAX_INTERRUPTIONS {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
    call()
}

/// How drivers say that they do not have what was asked for.
fn is_missing(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::INVAL | Errno::NOTTY)
    )
}

/// Whether a control's failure is the device's, not the control's. All else is a
/// refusal, whatever it is called: bcm2835-v4l2 passes the VideoCore's own numbers
/// on as if they were the kernel's (EINVAL as ESRCH, ENOSYS as EINTR, ENOENT as
/// EIO, ENOMEM as EPERM, ENOSPC as ENOENT; `enum mmal_msg_status` in its
/// mmal-common.h).
fn is_the_end(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::TIME | Errno::TIMEDOUT | Errno::NODEV)
    )
}

fn start(device: &v4l::Device) -> Result<mmap::Stream<'static>, Fault> {
    let mut stream = mmap::Stream::with_buffers(device, Type::VideoCapture, BUFFERS)
        .map_err(|error| Fault::of("get buffers", error))?;
    stream.set_timeout(READY_BUFFER_DEADLINE);
    match queue_and_start(&mut stream) {
        Ok(()) => Ok(stream),
        Err(error) => {
            close(Some(stream));
            Err(Fault::of("start its stream", error))
        }
    }
}

/// Queues all buffers but the first: that is the one which the first `next`
/// gives back before it takes another.
fn queue_and_start(stream: &mut mmap::Stream<'static>) -> io::Result<()> {
    for index in 1..BUFFERS {
        match CaptureStream::queue(stream, index as usize) {
            // The driver made fewer of them.
            Err(error) if index > 1 && Errno::from_io_error(&error) == Some(Errno::INVAL) => break,
            queued => queued?,
        }
    }
    stream.start()
}

/// Stops a stream, then drops it, which stops it again and panics if it cannot.
fn close(stream: Option<mmap::Stream<'static>>) {
    let Some(mut stream) = stream else { return };
    match patiently(|| stream.stop()).map_err(|error| Errno::from_io_error(&error)) {
        // One that is gone is handled when it is dropped.
        Ok(()) | Err(Some(Errno::NODEV)) => {}
        Err(error) => {
            warn!(?error, "the camera cannot be stopped: it may stay busy");
            std::mem::forget(stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_device_that_hangs_or_is_gone_is_given_up() {
        for (errno, the_end) in [
            (Errno::INVAL, false),
            (Errno::RANGE, false),
            (Errno::BUSY, false),
            // What the VideoCore refuses: EINVAL, ENOSYS, ENOENT, ENOMEM, ENOSPC.
            (Errno::SRCH, false),
            (Errno::INTR, false),
            (Errno::IO, false),
            (Errno::PERM, false),
            (Errno::NOENT, false),
            // It does not answer, or is not there.
            (Errno::TIME, true),
            (Errno::TIMEDOUT, true),
            (Errno::NODEV, true),
        ] {
            assert_eq!(is_the_end(&errno.into()), the_end, "{errno}");
        }
    }

    #[test]
    fn a_call_is_repeated_after_a_signal_and_not_for_ever() {
        let calls = |interruptions| {
            let mut calls = 0;
            let done = patiently(|| {
                calls += 1;
                if calls <= interruptions {
                    return Err(Errno::INTR.into());
                }
                Ok(())
            });
            (calls, done.is_ok())
        };
        assert_eq!(calls(0), (1, true));
        assert_eq!(calls(3), (4, true));
        let (calls, done) = calls(u32::MAX);
        assert_eq!((calls, done), (MAX_INTERRUPTIONS + 1, false));
    }
}
