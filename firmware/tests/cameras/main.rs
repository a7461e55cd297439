//! One contract for all cameras, run against every back end that this machine
//! can offer. The harness is a program of its own, because which tests there are
//! shows only when it runs: a back end that is not there has no tests, instead
//! of tests that pass without having run.
#![allow(clippy::unwrap_used, reason = "a panic is the report")]

mod back_ends;
mod contract;
mod fake_rpicam;

use std::path::Path;

use libtest_mimic::{Arguments, Failed, Trial};
use zerocam::camera::{self, CameraError, v4l2::V4l2Error};

use back_ends::{BackEnd, devices, encoder, v4l2};

fn main() {
    let arguments = Arguments::from_args();
    let back_ends = BackEnd::all();
    let mut trials: Vec<_> = back_ends.iter().flat_map(trials).collect();
    if !back_ends
        .iter()
        .any(|back_end| matches!(back_end, BackEnd::V4l2(_)))
    {
        let name = "v4l2::has_no_h264_device_here_and_says_so";
        trials.push(Trial::test(name, || has_no_device().map_err(Failed::from)));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// The contract's tests for a back end.
fn trials(back_end: &BackEnd) -> Vec<Trial> {
    contract::CONTRACT
        .iter()
        .map(|&(name, test)| {
            let back_end = back_end.clone();
            Trial::test(format!("{}::{name}", back_end.name()), move || {
                test(&back_end);
                Ok(())
            })
        })
        .collect()
}

/// Where no device makes H.264, each is refused with a reason.
fn has_no_device() -> Result<(), String> {
    let mut paths = devices();
    paths.push(Path::new("/dev/video-that-is-not-there").into());
    for path in paths {
        match camera::open(&v4l2(&path), &encoder()) {
            Err(CameraError::V4l2(
                V4l2Error::NoH264 { .. } | V4l2Error::Missing { .. } | V4l2Error::Forbidden { .. },
            )) => {}
            Err(error) => return Err(error.to_string()),
            Ok(_) => return Err(format!("{} makes H.264", path.display())),
        }
    }
    Ok(())
}
