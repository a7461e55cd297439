//! Lets `object_store` speak HTTP through our client: one TLS for the whole
//! product.

use std::time::Duration;

use http_body_util::BodyExt;
use object_store::{
    ClientOptions, Result,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    },
};
use tokio::task::spawn_blocking;
use ureq::{
    Agent,
    http::{Request, request::Parts},
};

use super::document::MAX_BYTES;
use crate::outgoing;

/// One request and its answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Exchanger(Agent);

impl Exchanger {
    pub(super) fn new() -> Self {
        Self(outgoing::agent(TIMEOUT))
    }
}

impl HttpConnector for Exchanger {
    fn connect(&self, _: &ClientOptions) -> Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Exchanger {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let agent = self.0.clone();
        let answer = spawn_blocking(move || exchange(&agent, parts, &body)).await;
        answer
            .map_err(|ended| HttpError::new(HttpErrorKind::Interrupted, ended))?
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))
    }
}

fn exchange(agent: &Agent, parts: Parts, body: &[u8]) -> Result<HttpResponse, ureq::Error> {
    // A GET has no body, not even an empty one.
    let answer = if body.is_empty() {
        agent.run(Request::from_parts(parts, ()))?
    } else {
        agent.run(Request::from_parts(parts, body))?
    };
    let (parts, mut body) = answer.into_parts();
    let body = body.with_config().limit(MAX_BYTES as u64).read_to_vec()?;
    Ok(HttpResponse::from_parts(parts, body.into()))
}
