//! The emulated Pi's camera: plays a recorded file, over and over, into a
//! loopback device of the kernel (v4l2loopback), from which the daemon captures
//! as from a camera that encodes H.264 by itself.
//!
//! A reader takes a write for a buffer, so that each access unit is one write.
//! It leaves out controls: the device has none.
//!
//! Usage: zerocam-virtual-camera DEVICE FILE WIDTH HEIGHT

use std::{env, io::Write, path::Path, time::Duration};

use anyhow::{Context, bail};
use v4l::{
    Device, Format, FourCC, Fraction,
    video::{Output, output::Parameters},
};
use zerocam::camera::{Camera, replay::Replay};

/// Longer than any picture takes.
const PATIENCE: Duration = Duration::from_secs(1);

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [device, file, width, height] = &arguments[..] else {
        bail!("usage: zerocam-virtual-camera DEVICE FILE WIDTH HEIGHT");
    };
    let mut clip = Replay::open(Path::new(file), None)?;
    let mut device = open(device, width.parse()?, height.parse()?, &clip)
        .with_context(|| format!("cannot feed {device}"))?;
    let mut unit = Vec::new();
    loop {
        let Some(picture) = clip.next_picture(PATIENCE)? else {
            continue;
        };
        unit.clear();
        unit.extend_from_slice(picture.parameter_sets);
        unit.extend_from_slice(picture.bytes);
        let written = device.write(&unit)?;
        if written < unit.len() {
            bail!("the device takes only {written} bytes of {}", unit.len());
        }
    }
}

/// What the device is told here is what a reader finds.
fn open(path: &str, width: u32, height: u32, clip: &Replay) -> anyhow::Result<Device> {
    let device = Device::with_path(path)?;
    let mut format = Format::new(width, height, FourCC::new(b"H264"));
    // Room for any picture of this size: none is larger than its raw samples.
    format.size = width * height * 3 / 2;
    Output::set_format(&device, &format)?;
    let rate = (clip.pace().frame_rate_hz * 1000.0).round() as u32;
    Output::set_params(&device, &Parameters::new(Fraction::new(1000, rate)))?;
    Ok(device)
}
