//! Lets `object_store` speak HTTP through our client: one TLS for the whole
//! product.

use std::time::Duration;

use object_store::{
    ClientOptions, Result,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    },
};
use tokio::task::spawn_blocking;
use ureq::{Agent, http::Request};

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
        let agent = self.0.clone();
        let answer = spawn_blocking(move || exchange(&agent, request)).await;
        answer
            .map_err(|ended| HttpError::new(HttpErrorKind::Interrupted, ended))?
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))
    }
}

fn exchange(agent: &Agent, request: HttpRequest) -> Result<HttpResponse, ureq::Error> {
    let (parts, body) = request.into_parts();
    let answer = if body.is_empty() {
        agent.run(Request::from_parts(parts, ()))?
    } else {
        let body = body.as_bytes().map(|bytes| bytes.to_vec());
        agent.run(Request::from_parts(parts, body.unwrap_or_default()))?
    };
    let (parts, mut body) = answer.into_parts();
    let body = body.with_config().limit(MAX_BYTES as u64).read_to_vec()?;
    Ok(HttpResponse::from_parts(parts, body.into()))
}
