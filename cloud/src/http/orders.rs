//! The owner's orders: to end a link, and to end a camera's key. They hold once
//! they are written.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::{api::read_json, notice::Notice, visitor::Owner};
use crate::{
    access::permit_visit,
    memory::{Document, MemoryError},
    service::Service,
    time::Now,
};

/// Which of a camera's keys is good.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeyGeneration {
    /// Its generation; those below are refused.
    pub generation: u32,
}

/// What the owner wants to end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndLink {
    /// The link's token.
    pub token: String,
}

/// What became of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct EndedLink {
    /// It had not been ended before.
    pub news: bool,
}

/// Says which of a camera's keys is good.
pub(super) async fn key(
    State(service): State<Arc<Service>>,
    Owner(camera): Owner,
) -> Result<Json<KeyGeneration>, Notice> {
    let look = move |document: &mut Document| Ok(document.key_generation(&camera));
    let generation = service.memory.change(look).await?;
    Ok(Json(KeyGeneration { generation }))
}

/// Ends a camera's key, and says which one is good from now on.
pub(super) async fn replace_key(
    State(service): State<Arc<Service>>,
    Owner(camera): Owner,
) -> Result<Json<KeyGeneration>, Notice> {
    let name = camera.clone();
    let replace = move |document: &mut Document| document.replace_key(&name);
    let generation = service.memory.change(replace).await?;
    info!(%camera, generation, "the owner replaced the camera's key");
    Ok(Json(KeyGeneration { generation }))
}

/// Ends a link.
pub(super) async fn end_link(
    State(service): State<Arc<Service>>,
    Owner(camera): Owner,
    body: Body,
) -> Result<Json<EndedLink>, Notice> {
    let EndLink { token } = read_json(body).await?;
    let grant = service
        .settings
        .signing_key
        .verify(&token, Now::read().unix_s())?;
    let (_, link) = permit_visit(grant, &camera)?;
    let name = camera.clone();
    // A second attempt finds what the first one did.
    let mut news = false;
    let end = move |document: &mut Document| {
        news |= document.end_link(&name, &link)?;
        Ok(news)
    };
    let news = service.memory.change(end).await?;
    info!(%camera, news, "the owner ended a link");
    Ok(Json(EndedLink { news }))
}

impl From<MemoryError> for Notice {
    fn from(error: MemoryError) -> Self {
        let status = match error {
            MemoryError::None => StatusCode::NOT_IMPLEMENTED,
            MemoryError::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
            MemoryError::Store(_) | MemoryError::Silent(_) | MemoryError::Crowded(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        Self::new(status, "NOT DONE", error.to_string())
    }
}
