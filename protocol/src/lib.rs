//! What a zerocam camera and its service say to each other.
//!
//! Pure: no sockets, no clocks, no files. Both programs and every test build on
//! these types, so a byte that one side writes is a byte that the other reads.
//!
//! One WebSocket per camera, `GET /api/cameras/{camera}/stream`, carries
//! [`AccessUnit`]s as binary messages and [`CameraMessage`] / [`ServiceMessage`]
//! as JSON text. While no stream is open, the camera [checks in](checkin) over
//! plain HTTP. It leaves out: signing and checking tokens (the service's secret) and how
//! either side reacts over time (each program's own state machines).

pub mod access_unit;
pub mod checkin;
pub mod clock;
pub mod h264;
pub mod identity;
pub mod lease;
pub mod limits;
pub mod message;
pub mod token;
pub mod version;

pub use access_unit::{AccessUnit, Flags, Header};
pub use identity::{CameraName, DeviceId, Frame, Run, Segment};
pub use message::{CameraMessage, ServiceMessage};
