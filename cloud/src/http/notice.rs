//! Errors for people: a small page where a page was asked for, one line of
//! text elsewhere. The page needs no JavaScript and loads nothing.

use std::sync::LazyLock;

use axum::{
    extract::Request,
    http::{
        HeaderValue, StatusCode,
        header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::digest::{SHA256, digest};

use crate::access::Denied;

const STYLE: &str = include_str!("notice.css");

/// Allows the page's one style sheet, by its hash, and nothing else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("a base64 hash is plain ASCII")
});

/// Something to tell a person.
#[derive(Debug)]
pub(super) struct Notice {
    status: StatusCode,
    title: &'static str,
    text: String,
    /// What a page says instead, to visitors who know no keys and no commands.
    in_plain_words: Option<&'static str>,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    Page,
}

impl Notice {
    /// One line of text.
    pub(super) const fn new(status: StatusCode, title: &'static str, text: String) -> Self {
        Self {
            status,
            title,
            text,
            in_plain_words: None,
            form: Form::Text,
        }
    }

    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT FOUND", text.into())
    }

    pub(super) fn unavailable(text: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "NOT NOW", text.into())
    }

    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "NOT UNDERSTOOD", text.into())
    }

    /// A page.
    pub(super) fn into_page(self) -> Self {
        Self {
            form: Form::Page,
            ..self
        }
    }

    /// A page for a browser's address bar, text for everything else.
    pub(super) fn in_form_for(self, request: &Request) -> Self {
        let wants_page = request
            .headers()
            .get(ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"));
        if wants_page { self.into_page() } else { self }
    }
}

impl From<Denied> for Notice {
    fn from(denied: Denied) -> Self {
        let status = match denied {
            Denied::NoKey
            | Denied::NoLink
            | Denied::Malformed(_)
            | Denied::Signature
            | Denied::Expired { .. }
            | Denied::KeyReplaced => StatusCode::UNAUTHORIZED,
            // The token is genuine, and its right is not enough.
            Denied::OtherCamera { .. }
            | Denied::NotACameraKey
            | Denied::NotALink
            | Denied::NotTheOwner
            | Denied::ViewOnly => StatusCode::FORBIDDEN,
            Denied::LinkEnded => StatusCode::GONE,
            Denied::NotKnownYet => return Self::unavailable(denied.to_string()),
        };
        Self {
            in_plain_words: in_plain_words(&denied),
            ..Self::new(status, "NO ACCESS", denied.to_string())
        }
    }
}

/// Why a visitor is turned away and what to do, where the words for owners,
/// cameras and programs would not help.
const fn in_plain_words(denied: &Denied) -> Option<&'static str> {
    match denied {
        Denied::Malformed(_) | Denied::Signature => Some(
            "This link is not complete, or no longer good. Open the whole link again, or ask the \
             camera's owner for a new one.",
        ),
        Denied::NotALink => Some(
            "This is a camera's own key, which should stay with the camera. Ask its owner for a \
             link to watch.",
        ),
        _ => None,
    }
}

impl IntoResponse for Notice {
    fn into_response(self) -> Response {
        match self.form {
            Form::Text => (self.status, format!("{}\n", self.text)).into_response(),
            Form::Page => (
                self.status,
                [
                    (
                        CONTENT_TYPE,
                        HeaderValue::from_static("text/html; charset=utf-8"),
                    ),
                    (CONTENT_SECURITY_POLICY, POLICY.clone()),
                ],
                page(
                    self.title,
                    &sentence(self.in_plain_words.unwrap_or(&self.text)),
                ),
            )
                .into_response(),
        }
    }
}

/// A small page with a title and a paragraph.
fn page(title: &str, text: &str) -> String {
    let (title, text) = (escape(title), escape(text));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} - zerocam</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n</main>\n</body>\n</html>\n"
    )
}

/// Errors are phrases, as log lines want them; a page shows sentences.
fn sentence(phrase: &str) -> String {
    let mut rest = phrase.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    let stop = (!phrase.ends_with('.')).then_some('.');
    first.into_iter().chain(rest).chain(stop).collect()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_become_sentences() {
        assert_eq!(sentence("open the link"), "Open the link.");
        assert_eq!(sentence("Open it."), "Open it.");
    }

    #[test]
    fn text_never_becomes_markup() {
        let page = page("NO ACCESS", "<script>alert('1') & \"2\"</script>");
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;) &amp; &quot;2&quot;"));
    }
}
