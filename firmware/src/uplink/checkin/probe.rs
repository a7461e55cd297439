//! Whether the service answers at all, and what time it has: one HTTP exchange
//! without a key, for `zerocam self-test` and for a clock that is behind.

use std::time::{Duration, SystemTime};

use super::agent;
use crate::uplink::{UplinkConfig, endpoint::Endpoint, failure::Failure};

/// Longest exchange, everything included.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 4096;

/// What an answer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// How many seconds this device's clock is behind the service's; negative
    /// when it is ahead. An HTTP date has whole seconds. `None` without a date.
    pub clock_behind_s: Option<i64>,
}

/// Asks the service whether it is alive.
///
/// # Errors
/// One line that says what to do.
pub fn probe(config: &UplinkConfig) -> Result<Reached, String> {
    let endpoint = Endpoint::new(config).map_err(|error| error.to_string())?;
    let tls = config.tls(&endpoint).map_err(|error| error.to_string())?;
    let date =
        date(&endpoint, &agent::agent(tls, TIMEOUT)).map_err(|failure| failure.to_string())?;
    Ok(Reached {
        clock_behind_s: date.map(|date| behind_s(date, SystemTime::now())),
    })
}

/// What time the service says it is, if it says so, to the second.
pub(super) fn date(
    endpoint: &Endpoint,
    agent: &ureq::Agent,
) -> Result<Option<SystemTime>, Failure> {
    let mut answer = agent
        .get(endpoint.live_url())
        .call()
        .map_err(|error| agent::failure(error, endpoint))?;
    let status = answer.status().as_u16();
    if status == 200 {
        let date = answer
            .headers()
            .get("Date")
            .and_then(|date| date.to_str().ok());
        return Ok(date.and_then(|date| httpdate::parse_http_date(date).ok()));
    }
    let kind = answer.body().mime_type().unwrap_or_default().to_owned();
    let body = answer
        .body_mut()
        .with_config()
        .limit(MAX_ANSWER_BYTES)
        .read_to_vec()
        .unwrap_or_default();
    Err(match status {
        404 => Failure::NotTheService {
            host: endpoint.host.clone(),
            what: format!("status {status}"),
        },
        _ => Failure::from_answer(&endpoint.host, status, &kind, &body),
    })
}

/// Seconds from `now` to the service's time.
fn behind_s(theirs: SystemTime, now: SystemTime) -> i64 {
    match theirs.duration_since(now) {
        Ok(behind) => behind.as_secs() as i64,
        Err(ahead) => -(ahead.duration().as_secs() as i64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let table = [
            ("Mon, 21 Sep 2026 14:13:20 GMT", 0),
            ("Mon, 21 Sep 2026 15:13:20 GMT", 3600),
            ("Mon, 21 Sep 2026 14:13:10 GMT", -10),
        ];
        for (date, expected) in table {
            let theirs = httpdate::parse_http_date(date).unwrap();
            assert_eq!(behind_s(theirs, now), expected, "{date}");
        }
    }
}
