//! The helper that may do what needs root, played by the test: it tells what it
//! was asked, and says `ok` or what the test wants.

use std::{
    io::{Read, Write},
    os::unix::net::UnixListener,
    path::Path,
    thread,
    time::Instant,
};

use crossbeam_channel::Receiver;

use super::fixture::PATIENCE;

pub(crate) struct Helper {
    asked: Receiver<String>,
}

impl Helper {
    pub(crate) fn at(socket: &Path) -> Self {
        Self::answering(socket, |_| "ok")
    }

    pub(crate) fn answering(
        socket: &Path,
        mut answer: impl FnMut(&str) -> &'static str + Send + 'static,
    ) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let (tell, asked) = crossbeam_channel::unbounded();
        thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                let mut request = String::new();
                client.read_to_string(&mut request).unwrap();
                let _ = tell.send(request.clone());
                writeln!(client, "{}", answer(&request)).unwrap();
            }
        });
        Self { asked }
    }

    /// Waits for a request that begins like this.
    pub(crate) fn until(&self, beginning: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let asked = self.asked.recv_deadline(deadline);
            let asked = asked.unwrap_or_else(|_| panic!("nobody asks for {beginning}"));
            if asked.starts_with(beginning) {
                return asked;
            }
        }
    }
}
