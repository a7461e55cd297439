//! Takes a camera's stream: its WebSocket, its `hello`, its frames.

mod connection;
mod dating;
mod session;

pub use self::{
    connection::{Connection, Key, Permits, Signals},
    dating::Dating,
    session::Session,
};

#[cfg(test)]
pub(crate) mod tests {
    use zerocam_protocol::{Run, message::Hello};

    /// A valid `hello` of camera `garden`.
    pub(crate) fn hello(device: &str, run: u64, connection: u64) -> Hello {
        Hello {
            camera: "garden".parse().unwrap(),
            device: device.parse().unwrap(),
            run: Run(run),
            connection,
            run_started_us: 0,
            codec: "avc1.42e01f".into(),
            width: 640,
            height: 360,
            frame_rate_hz: 30.0,
            target_duration_s: 1,
            public_url: "http://127.0.0.1".into(),
            software: "test".into(),
        }
    }
}
