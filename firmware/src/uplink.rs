//! From captured frames to the service.
