//! Asks who answers at an address. Blocking; every exchange ends within
//! [`TIMEOUT`].

use std::time::Duration;

use ureq::Agent;

use super::{Answer, Instance, Introduction};
use crate::outgoing;

const TIMEOUT: Duration = Duration::from_secs(2);

/// A good answer has about 100 bytes.
const MAX_ANSWER_BYTES: u64 = 4096;

/// See the module.
#[derive(Debug)]
pub(super) struct Asker {
    agent: Agent,
    ours: Instance,
    introduction: Introduction,
}

impl Asker {
    /// For this process.
    pub(super) fn new(ours: Instance, introduction: Introduction) -> Self {
        Self {
            agent: outgoing::agent(TIMEOUT),
            ours,
            introduction,
        }
    }

    pub(super) fn ask(&self, address: &str) -> Answer {
        match self.get(address) {
            Ok(answered) if answered == self.ours => Answer::Ours,
            Ok(answered) if answered.is_sibling_of(&self.ours) => Answer::Sibling,
            Ok(Instance {
                revision: Some(revision),
                ..
            }) => Answer::Another(revision),
            Ok(_) => Answer::Unclear("it knows no revision".into()),
            Err(error) => Answer::Unclear(error.to_string()),
        }
    }

    fn get(&self, address: &str) -> Result<Instance, ureq::Error> {
        let Introduction {
            revision,
            instance,
            proof,
        } = &self.introduction;
        let request = self.agent.get(format!("{address}/api/instance"));
        // So that who answers knows of us, too.
        let request = request.query("revision", revision);
        let request = request.query("instance", instance).query("proof", proof);
        let mut answer = request.call()?;
        // A redirect that is not followed is an answer like any other.
        if answer.status() != 200 {
            return Err(ureq::Error::StatusCode(answer.status().as_u16()));
        }
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        body.read_json()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        net::TcpListener,
        thread,
    };

    use super::*;

    fn asker() -> Asker {
        let ours = Instance {
            revision: Some("zerocam-2".into()),
            instance: "b".into(),
        };
        let introduction = Introduction {
            revision: "zerocam-2".into(),
            instance: "b".into(),
            proof: "p".into(),
        };
        Asker::new(ours, introduction)
    }

    /// Asks somebody who answers each request with the next of these.
    fn ask(answers: &'static [(&str, &str)]) -> Vec<Answer> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            for (head, body) in answers {
                let mut peer = BufReader::new(listener.accept().unwrap().0);
                let mut line = String::new();
                peer.read_line(&mut line).unwrap();
                assert_eq!(
                    line,
                    "GET /api/instance?revision=zerocam-2&instance=b&proof=p HTTP/1.1\r\n"
                );
                while line != "\r\n" {
                    line.clear();
                    peer.read_line(&mut line).unwrap();
                }
                let length = body.len();
                let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}");
                // Who finds it too long reads only a part.
                let _ = peer.get_mut().write_all(answer.as_bytes());
            }
        });
        let asker = asker();
        let heard = answers.iter().map(|_| asker.ask(&address)).collect();
        server.join().unwrap();
        heard
    }

    #[test]
    fn only_a_revision_counts() {
        const OURS: &str = r#"{"revision":"zerocam-2","instance":"b"}"#;
        const SIBLING: &str = r#"{"revision":"zerocam-2","instance":"d"}"#;
        const OTHER: &str = r#"{"revision":"zerocam-3","instance":"c"}"#;
        assert_eq!(
            ask(&[("200 OK", OURS), ("200 OK", SIBLING), ("200 OK", OTHER)]),
            [
                Answer::Ours,
                Answer::Sibling,
                Answer::Another("zerocam-3".into())
            ]
        );
        let unclear = ask(&[
            ("200 OK", r#"{"revision":null,"instance":"c"}"#),
            ("200 OK", "<html>Please log in</html>"),
            ("200 OK", "[]"),
            ("503 Service Unavailable", OTHER),
            (
                "302 Found\r\nLocation: http://192.0.2.1/api/instance",
                OTHER,
            ),
        ]);
        for answer in unclear {
            assert!(matches!(answer, Answer::Unclear(_)), "{answer:?}");
        }
    }

    #[test]
    fn nobody_there_is_unclear() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let answer = asker().ask(&address);
        assert!(matches!(answer, Answer::Unclear(_)), "{answer:?}");
    }
}
