//! Who this camera is, by which clock.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use zerocam_protocol::{CameraName, DeviceId, message::Hello};

use crate::uplink::{RunInfo, UplinkConfig, connection::Number, endpoint::Endpoint};

/// What all connections of this process say of themselves.
#[derive(Debug)]
pub(in crate::uplink) struct Identity {
    camera: CameraName,
    device: DeviceId,
    public_url: String,
    software: String,
    /// One moment on both clocks: an [`Instant`] does not show its number.
    epoch: (Instant, i64),
}

impl Identity {
    pub(in crate::uplink) fn new(config: &UplinkConfig, endpoint: &Endpoint) -> Self {
        let monotonic = clock_gettime(ClockId::Monotonic);
        Self {
            camera: endpoint.camera.clone(),
            device: config.device.clone(),
            public_url: endpoint.public_url(),
            software: config.software.clone(),
            epoch: (
                Instant::now(),
                monotonic.tv_sec * 1_000_000 + monotonic.tv_nsec / 1000,
            ),
        }
    }

    /// CLOCK_MONOTONIC in microseconds.
    pub(in crate::uplink) fn clock_us(&self, at: Instant) -> i64 {
        let (epoch, epoch_us) = self.epoch;
        let after = at.saturating_duration_since(epoch).as_micros();
        let before = epoch.saturating_duration_since(at).as_micros();
        epoch_us + after as i64 - before as i64
    }

    pub(in crate::uplink) fn hello(&self, run: &RunInfo, number: Number) -> Hello {
        Hello {
            camera: self.camera.clone(),
            device: self.device.clone(),
            run: run.run,
            connection: number.0,
            // A run starts after the machine did.
            run_started_us: u64::try_from(self.clock_us(run.started)).unwrap_or(0),
            codec: run.codec.clone(),
            width: run.width,
            height: run.height,
            frame_rate_hz: run.frame_rate_hz,
            target_duration_s: run.target_duration_s,
            public_url: self.public_url.clone(),
            software: self.software.clone(),
        }
    }
}
