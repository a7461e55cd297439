//! For programs: a camera's stream and check-in, its status and its wish.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{
        Query, State, WebSocketUpgrade, rejection::QueryRejection,
        ws::rejection::WebSocketUpgradeRejection,
    },
    http::{HeaderMap, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
    response::Response,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::time::timeout;
use tracing::debug;
use zerocam_protocol::{
    CameraName,
    checkin::{CheckinRequest, CheckinResponse, Desired, DesiredState},
    limits::{MAX_ACCESS_UNIT_BYTES, MAX_JSON_BYTES},
    token::{Grant, Right},
    version,
};

use super::{
    notice::Notice,
    visitor::{Feeder, Visible, Visitor},
};
use crate::{
    access::{Denied, Permission},
    cameras::Camera,
    handover::{Instance, Introduction},
    ingest::{Connection, Key, Permits, Session, Signals},
    memory::document::continued,
    service::Service,
    status::{CameraList, Facts, NewestPicture, Status, judge},
    time::Now,
};

/// Longest time that a request's body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// What the WebSocket layer reads at most. Twice what is allowed, so that a
/// message which is a little too large is refused in our own words.
const MAX_MESSAGE_BYTES: usize = 2 * MAX_ACCESS_UNIT_BYTES;

/// A camera opens its stream.
pub(super) async fn stream(
    State(service): State<Arc<Service>>,
    Feeder { camera, generation }: Feeder,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Notice> {
    let version = negotiate(&headers)?;
    let upgrade = upgrade.map_err(|_| {
        let text = "this address takes a camera's WebSocket connection and nothing else";
        Notice::new(StatusCode::UPGRADE_REQUIRED, "NOT POSSIBLE", text.into())
    })?;
    if service.is_stopping() {
        return Err(Notice::unavailable(
            "the service is stopping: connect again",
        ));
    }
    let camera = meet(&service, &camera)?;
    let (Some(request), Some(place)) = (service.room(), camera.room()) else {
        let text = "too many connections of this camera are open: try again in ten seconds";
        return Err(Notice::unavailable(text));
    };
    let signals = Signals {
        leaving: service.leaving(),
        stopping: service.stopping(),
    };
    let move_after_s = service.settings.move_after_s;
    let response = upgrade
        .protocols([format!("zerocam.v{version}")])
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .on_failed_upgrade(|error| debug!(%error, "a camera left while connecting"))
        .on_upgrade(async move |socket| {
            let session = Session::new(version, move_after_s, Now::read());
            let permits = Permits {
                request,
                camera: place,
            };
            let key = Key {
                generation,
                memory: service.memory.clone(),
            };
            Connection::new(socket, camera, session, key, signals, permits)
                .run()
                .await;
        });
    Ok(response)
}

fn negotiate(headers: &HeaderMap) -> Result<u8, Notice> {
    let offered: Vec<&str> = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    version::negotiate(&offered.join(",")).map_err(|mismatch| {
        let text = mismatch.to_string();
        Notice::new(StatusCode::UPGRADE_REQUIRED, "NOT POSSIBLE", text)
    })
}

fn meet(service: &Service, camera: &CameraName) -> Result<Arc<Camera>, Notice> {
    service
        .cameras
        .meet(camera)
        .map_err(|full| Notice::unavailable(full.to_string()))
}

/// Which instance this is. Public: another one asks when it looks for its
/// successor, and says which it is.
pub(super) async fn instance(
    State(service): State<Arc<Service>>,
    asker: Result<Query<Introduction>, QueryRejection>,
) -> Json<Instance> {
    let asker = asker.ok();
    let asker = asker.and_then(|Query(asker)| asker.instance(&service.settings.signing_key));
    if asker.is_some_and(|asker| asker.is_sibling_of(&service.instance)) {
        service.hear_sibling();
    }
    Json(service.instance.clone())
}

/// A camera says how it is and hears what it should do.
pub(super) async fn check_in(
    State(service): State<Arc<Service>>,
    Feeder { camera, .. }: Feeder,
    body: Body,
) -> Result<Json<CheckinResponse>, Notice> {
    let request: CheckinRequest = read_json(body).await?;
    request
        .validate()
        .map_err(|invalid| Notice::bad_request(invalid.to_string()))?;
    let camera = meet(&service, &camera)?;
    let now = Now::read();
    let desired = camera.record().check_in(request, now);
    Ok(Json(CheckinResponse {
        desired,
        service_time_unix_us: now.unix_us,
    }))
}

/// What a visitor with a control link may ask for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    state: DesiredState,
}

/// The owner starts or stops a camera.
pub(super) async fn desire(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    body: Body,
) -> Result<Json<Desired>, Notice> {
    if visitor.permission < Permission::Control {
        return Err(Denied::ViewOnly.into());
    }
    let wish: Wish = read_json(body).await?;
    let camera = meet(&service, &visitor.camera)?;
    let desired = camera.record().wish(wish.state, Now::read());
    Ok(Json(desired))
}

/// How a camera is.
pub(super) async fn status(State(service): State<Arc<Service>>, visitor: Visitor) -> Json<Status> {
    let Visitor {
        camera, permission, ..
    } = visitor;
    Json(status_of(&service, camera, permission, Now::read()))
}

/// How the cameras are that the visitor may see.
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    Visible(cameras): Visible,
) -> Json<CameraList> {
    let now = Now::read();
    let cameras = cameras
        .into_iter()
        .map(|(camera, permission)| status_of(&service, camera, permission, now))
        .collect();
    Json(CameraList { cameras })
}

/// A link to pass on.
#[derive(Debug, Serialize)]
pub(super) struct PassOn {
    /// Path and query: the browser knows best under which host it came.
    path: String,
}

/// The visitor's link as one for watching only, whatever it permits here. It
/// keeps its id, and ends when the visitor's own does.
pub(super) async fn pass_on(State(service): State<Arc<Service>>, visitor: Visitor) -> Json<PassOn> {
    let Visitor { camera, link, .. } = visitor;
    let token = service.settings.signing_key.sign(&Grant {
        camera: camera.clone(),
        right: Right::View(link),
    });
    let path = format!("/watch/{camera}/?token={token}");
    Json(PassOn { path })
}

fn status_of(service: &Service, name: CameraName, permission: Permission, now: Now) -> Status {
    let camera = service.cameras.get(&name);
    let mut facts = Facts {
        key_refused_unix_us: service.cameras.refused_unix_us(&name),
        just_started: service.has_just_started(),
        has_sibling: service.has_sibling(),
        ..Facts::default()
    };
    let mut status = Status {
        control: permission == Permission::Control,
        ..Status::unknown(name, now)
    };
    if let Some(camera) = &camera {
        let window = camera.media.window().borrow().clone();
        facts.fault = window.fault().map(str::to_owned);
        status.video = window.format().map(Into::into);
        if let Some(newest) = window.newest() {
            facts.newest_unix_us = Some(newest.date_unix_us);
            status.bitrate_bps = newest.bitrate_bps;
            status.age_ms = Some((now.unix_us - newest.date_unix_us).max(0) / 1000);
            status.newest = Some(NewestPicture {
                run: newest.run,
                segment: newest.segment,
                frame: newest.frame,
                date_unix_ms: newest.date_unix_us / 1000,
            });
        }
        let mut record = camera.record();
        facts.last_seen_unix_us = record.last_seen_unix_us;
        facts.connected = record.feed.is_open();
        facts.word = record.word.clone();
        facts.wifi_signal_dbm = record.health.wifi_signal_dbm;
        status.viewers = record.viewers.count(now.monotonic);
        status.last_seen_unix_ms = record.last_seen_unix_us.map(|unix_us| unix_us / 1000);
        status.device = record.device.clone();
        status.desired = record.desired;
        status.health = record.health.clone();
        status.black_box = record.black_box.clone();
    }
    if let Some(remembered) = service.memory.last_seen(&status.camera) {
        status.black_box = continued(&remembered.black_box, &status.black_box);
        if Some(remembered.at_unix_us) > facts.last_seen_unix_us {
            status.last_seen_unix_ms = Some(remembered.at_unix_us / 1000);
            status.device = remembered.device;
            facts.last_seen_unix_us = Some(remembered.at_unix_us);
            facts.remembered = true;
            facts.word = remembered.word;
            facts.wifi_signal_dbm = remembered.health.wifi_signal_dbm;
            status.health = remembered.health;
        }
    }
    (status.state, status.reason) = judge(&facts, now);
    status
}

/// Reads a JSON body, whatever its Content-Type says, in bounded size and time.
pub(super) async fn read_json<T: DeserializeOwned>(body: Body) -> Result<T, Notice> {
    let bytes = match timeout(BODY_DEADLINE, to_bytes(body, MAX_JSON_BYTES)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => {
            let text = format!("the request is cut off, or larger than {MAX_JSON_BYTES} bytes");
            return Err(Notice::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "NOT UNDERSTOOD",
                text,
            ));
        }
        Err(_) => {
            let text = "the request took too long to arrive".to_owned();
            return Err(Notice::new(
                StatusCode::REQUEST_TIMEOUT,
                "NOT UNDERSTOOD",
                text,
            ));
        }
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        Notice::bad_request(format!("this is not the JSON expected here: {error}"))
    })
}
