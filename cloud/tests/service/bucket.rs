//! A stand-in for a bucket of Google Cloud Storage, and for the host's metadata
//! server: what `object_store` asks of the two, with the semantics that Google
//! documents for its XML API. No machine of ours has the real ones.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use super::process::program;

/// See the module. It serves until the test ends.
pub(super) struct Bucket {
    name: &'static str,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, String>,
    refusal: Option<(&'static str, &'static str)>,
    before_put: Option<(String, String)>,
    /// How often each kind of request came.
    counts: BTreeMap<String, u32>,
    complaints: Vec<String>,
}

struct Request {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Bucket {
    pub(super) fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<Mutex<State>>::default();
        let served = state.clone();
        thread::spawn(move || {
            for peer in listener.incoming() {
                let state = served.clone();
                thread::spawn(move || serve(peer.unwrap(), name, &state));
            }
        });
        Self {
            name,
            address,
            state,
        }
    }

    /// The program as on Cloud Run, except for where Google is.
    pub(super) fn program(&self) -> Command {
        let mut program = program();
        program
            .env("ZEROCAM_MEMORY", format!("gs://{}", self.name))
            .env("GOOGLE_BASE_URL", format!("http://{}", self.address))
            .env("GCE_METADATA_HOST", self.address.to_string());
        program
    }

    pub(super) fn names(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.objects.keys().cloned().collect()
    }

    pub(super) fn newest(&self) -> (String, String) {
        let state = self.state.lock().unwrap();
        let (name, text) = state.objects.last_key_value().unwrap();
        (name.clone(), text.clone())
    }

    /// Another writer comes before the next one.
    pub(super) fn put_before_the_next(&self, name: &str, text: &str) {
        self.state.lock().unwrap().before_put = Some((name.into(), text.into()));
    }

    pub(super) fn answer_all_with(&self, status: &'static str, body: &'static str) {
        self.state.lock().unwrap().refusal = Some((status, body));
    }

    /// Each request was as it should be, and each kind came.
    #[track_caller]
    pub(super) fn is_content(&self) {
        let state = self.state.lock().unwrap();
        assert_eq!(state.complaints, [""; 0]);
        for kind in ["token", "list", "get", "put", "delete", "conflict"] {
            assert!(
                state.counts.contains_key(kind),
                "{kind}: {:?}",
                state.counts
            );
        }
    }
}

fn serve(peer: TcpStream, bucket: &str, state: &Mutex<State>) {
    let mut peer = BufReader::new(peer);
    while let Some(request) = read(&mut peer) {
        let answer = state.lock().unwrap().answer(bucket, &request);
        // Who has gone needs no answer.
        let _ = peer.get_mut().write_all(answer.as_bytes());
    }
}

fn read(peer: &mut impl BufRead) -> Option<Request> {
    let mut lines = std::iter::from_fn(|| {
        let mut line = String::new();
        let read = peer.read_line(&mut line).ok()?;
        let line = line.trim_end().to_owned();
        (read > 0 && !line.is_empty()).then_some(line)
    });
    let line = lines.next()?;
    let headers: BTreeMap<String, String> = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        })
        .collect();
    let length = headers.get("content-length");
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    peer.read_exact(&mut body).ok()?;
    Some(Request {
        line,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: \"e\"\r\nx-goog-generation: 1\r\n\
         Last-Modified: Wed, 21 Oct 2026 07:28:00 GMT\r\n\r\n{body}"
    )
}

impl State {
    fn answer(&mut self, bucket: &str, request: &Request) -> String {
        const TOKEN: &str =
            "GET /computeMetadata/v1/instance/service-accounts/default/token?audience=";
        if request.line.starts_with(TOKEN) || request.line.starts_with(&TOKEN[..TOKEN.len() - 10]) {
            self.expect(request, "metadata-flavor", "Google");
            self.count("token");
            return answer(
                "200 OK",
                r#"{"access_token":"from-the-host","expires_in":3599,"token_type":"Bearer"}"#,
            );
        }
        self.expect(request, "authorization", "Bearer from-the-host");
        if let Some((status, body)) = self.refusal {
            return answer(status, body);
        }
        let line = request.line.replace("%2D", "-").replace("%2E", ".");
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let object = target
            .strip_prefix(&format!("/{bucket}/"))
            .map(str::to_owned);
        match (method, object) {
            ("GET", None)
                if target.starts_with(&format!("/{bucket}?")) && target.contains("list-type=2") =>
            {
                self.list()
            }
            ("GET", Some(name)) => self.get(&name),
            ("PUT", Some(name)) => self.put(request, name),
            ("DELETE", Some(name)) => {
                self.count("delete");
                self.objects.remove(&name);
                answer("204 No Content", "")
            }
            _ => {
                self.complaints.push(request.line.clone());
                answer("400 Bad Request", "")
            }
        }
    }

    fn list(&mut self) -> String {
        self.count("list");
        let objects: String = self
            .objects
            .iter()
            .map(|(name, text)| {
                let size = text.len();
                format!(
                    "<Contents><Key>{name}</Key><Size>{size}</Size><ETag>\"e\"</ETag>\
                     <LastModified>2026-10-21T07:28:00.000Z</LastModified></Contents>"
                )
            })
            .collect();
        answer(
            "200 OK",
            &format!("<ListBucketResult>{objects}</ListBucketResult>"),
        )
    }

    fn get(&mut self, name: &str) -> String {
        self.count("get");
        match self.objects.get(name) {
            Some(text) => answer("200 OK", text),
            None => answer("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>"),
        }
    }

    fn put(&mut self, request: &Request, name: String) -> String {
        if let Some((name, text)) = self.before_put.take() {
            self.objects.insert(name, text);
        }
        self.expect(request, "x-goog-if-generation-match", "0");
        if self.objects.contains_key(&name) {
            self.count("conflict");
            return answer("412 Precondition Failed", "<Error/>");
        }
        self.count("put");
        self.objects.insert(name, request.body.clone());
        answer("200 OK", "")
    }

    fn count(&mut self, kind: &str) {
        *self.counts.entry(kind.into()).or_default() += 1;
    }

    fn expect(&mut self, request: &Request, header: &str, value: &str) {
        let found = request.headers.get(header);
        if found.map(String::as_str) != Some(value) {
            self.complaints
                .push(format!("{}: {header}: {found:?}", request.line));
        }
    }
}
