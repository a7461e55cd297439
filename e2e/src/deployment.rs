//! A service as Cloud Run runs it: instances behind a front, replaced by newer
//! revisions.
//!
//! The front is the fault proxy: it cuts requests at a limit, sends new ones to
//! the newest instance, and leaves open ones where they are.

use std::{net::SocketAddr, time::Duration};

use rustix::process::Signal;

use crate::{FaultProxy, Service, fault_proxy::Fault, service::ServiceHome};

/// How soon an instance ends after SIGTERM; Cloud Run kills it after ten
/// seconds.
const END: Duration = Duration::from_secs(1);

/// Instances behind a front.
#[derive(Debug)]
pub struct Deployment<'a> {
    home: &'a ServiceHome,
    front: FaultProxy,
    current: Service<'a>,
    revisions: u32,
}

impl<'a> Deployment<'a> {
    /// The first revision. Requests are cut at `limit`.
    #[must_use]
    pub fn new(home: &'a ServiceHome, limit: Duration) -> Self {
        let current = home.deploy("zerocam-1");
        let front = FaultProxy::before(current.address);
        front.apply(&Fault::Front(true));
        front.apply(&Fault::Limit(Some(limit)));
        Self {
            home,
            front,
            current,
            revisions: 1,
        }
    }

    /// Where cameras and viewers find it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.front.address()
    }

    /// What stands between.
    #[must_use]
    pub const fn front(&self) -> &FaultProxy {
        &self.front
    }

    /// The instance that new requests go to.
    #[must_use]
    pub const fn current(&self) -> &Service<'a> {
        &self.current
    }

    /// The address below which a camera is watched without cookies.
    #[must_use]
    pub fn watch_url(&self, camera: &str) -> String {
        let token = self.current.token(camera);
        format!("http://{}/t/{token}/watch/{camera}", self.address())
    }

    /// Starts the next revision, which new requests go to. Gives the one before,
    /// which still has its open requests.
    pub fn deploy(&mut self) -> Service<'a> {
        self.revisions += 1;
        let next = self.home.deploy(&format!("zerocam-{}", self.revisions));
        self.front.apply(&Fault::Upstream(next.address));
        std::mem::replace(&mut self.current, next)
    }

    /// The instance ends without a word, and another one takes its place.
    pub fn kill(&mut self) {
        self.current.program.signal(Signal::KILL);
        let _dead = self.deploy();
    }
}

/// Ends an instance that was replaced.
///
/// # Panics
/// When it does not end in time and well.
pub fn end(mut replaced: Service<'_>) {
    let status = replaced.program.terminate(END);
    assert!(status.success(), "the service ended with {status}");
}
