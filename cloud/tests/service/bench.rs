//! A service on a free port, and a visitor of it.

use std::{
    net::SocketAddr,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;
use ureq::{
    Agent,
    http::{Response, header::HeaderName},
};
use zerocam_cloud::{
    access::SigningKey,
    config::{Configuration, Environment, Settings},
    server::Server,
};
use zerocam_config_file::Secret;
use zerocam_protocol::{
    CameraName,
    token::{Grant, Link, Right},
};

/// Ten times what a busy machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Memories are read this often.
const READ_AGAIN: Duration = Duration::from_millis(100);

/// A running service. It stops when dropped.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) key: SigningKey,
    agent: Agent,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    pub(crate) fn start() -> Self {
        Self::configured(Configuration::default())
    }

    pub(crate) fn configured(configuration: Configuration) -> Self {
        Self::deployed(configuration, None)
    }

    /// As on a host that names its revisions.
    pub(crate) fn deployed(configuration: Configuration, revision: Option<&str>) -> Self {
        Self::signing(configuration, revision, SigningKey::generate().unwrap())
    }

    /// With that signing key, as another instance has it.
    pub(crate) fn signing(
        configuration: Configuration,
        revision: Option<&str>,
        signing_key: String,
    ) -> Self {
        let configuration = Configuration {
            listen: "127.0.0.1:0".parse().unwrap(),
            ..configuration
        };
        let environment = Environment {
            signing_key: Some(Secret::new(signing_key)),
            revision: revision.map(str::to_owned),
            ..Environment::default()
        };
        let settings = Settings {
            read_again: READ_AGAIN,
            ..Settings::resolve(configuration, &environment).unwrap()
        };
        let key = settings.signing_key.clone();
        let (stop, stopped) = oneshot::channel();
        let (bound, address) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            tokio::runtime::Runtime::new().unwrap().block_on(async {
                let server = Server::bind(settings).await.unwrap();
                bound.send(server.address()).unwrap();
                server
                    .run(async {
                        // An error is a dropped bench: stop as well.
                        let _ = stopped.await;
                    })
                    .await;
            });
        });
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE))
            // A refusal may leave a body unread, and then ends its connection.
            .max_idle_connections(0)
            .build();
        Self {
            address: address.recv().unwrap(),
            key,
            agent: agent.into(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Asks the service to stop, without waiting for it.
    pub(crate) fn ask_to_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has stopped.
    pub(crate) fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub(crate) fn camera_key(&self, camera: &str) -> String {
        self.key.camera_key(name(camera), 1)
    }

    pub(crate) fn view(&self, camera: &str) -> String {
        self.link(camera, Right::View, None)
    }

    pub(crate) fn control(&self, camera: &str) -> String {
        self.link(camera, Right::Control, None)
    }

    pub(crate) fn link(
        &self,
        camera: &str,
        right: fn(Link) -> Right,
        expires_unix_s: Option<u64>,
    ) -> String {
        let id = "bench".into();
        self.key.sign(&Grant {
            camera: name(camera),
            right: right(Link { id, expires_unix_s }),
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.call().unwrap())
    }

    pub(crate) fn head(&self, path: &str) -> Answer {
        Answer::of(self.agent.head(self.url(path)).call().unwrap())
    }

    pub(crate) fn post(&self, path: &str, key: &str, body: &[u8]) -> Answer {
        let authorization = format!("Bearer {key}");
        let request = self.agent.post(self.url(path));
        let request = request.header("authorization", authorization);
        Answer::of(request.send(body).unwrap())
    }

    /// The camera's status, by way of a path token.
    pub(crate) fn status(&self, camera: &str) -> serde_json::Value {
        let token = self.view(camera);
        let answer = self.get(&format!("/t/{token}/api/cameras/{camera}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        serde_json::from_str(&answer.text()).unwrap()
    }

    /// Asks until the answer is as wanted.
    #[track_caller]
    pub(crate) fn until<T>(&self, mut ask: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = ask(self) {
                return answer;
            }
            assert!(Instant::now() < deadline, "it did not happen in time");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.ask_to_stop();
        if !thread::panicking() {
            self.join();
        }
    }
}

/// What the service answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    headers: ureq::http::HeaderMap,
}

impl Answer {
    fn of(mut response: Response<ureq::Body>) -> Self {
        Self {
            status: response.status().as_u16(),
            body: response.body_mut().read_to_vec().unwrap(),
            headers: response.headers().clone(),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// A header's value, empty when there is none.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let name: HeaderName = name.parse().unwrap();
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

fn name(camera: &str) -> CameraName {
    camera.parse().unwrap()
}
