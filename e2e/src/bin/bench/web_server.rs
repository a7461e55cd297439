//! nginx with files, as a measure of what a web server costs on this machine.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;
use zerocam_e2e::{Program, within};

/// A running server, one process.
#[derive(Debug)]
pub(crate) struct WebServer {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    _directory: TempDir,
}

impl WebServer {
    /// Serves what is in a directory.
    pub(crate) fn of(directory: TempDir) -> Self {
        let here = directory.path();
        // Free a moment ago, which is as good as one can know for nginx.
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port");
        let configuration = format!(
            "daemon off; master_process off; pid {0}/pid; error_log stderr;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;\n\
             keepalive_requests 1000000000;\n\
             client_body_temp_path {0}; proxy_temp_path {0}; fastcgi_temp_path {0};\n\
             uwsgi_temp_path {0}; scgi_temp_path {0};\n\
             server {{ listen {address}; root {0}; }} }}\n",
            here.display()
        );
        fs::write(here.join("conf"), configuration).expect("room for temporary files");
        let mut command = Command::new("nginx");
        command.arg("-p").arg(here).arg("-c").arg(here.join("conf"));
        let program = Program::start("nginx", &mut command);
        within(Duration::from_secs(2), "nginx listens", || {
            TcpStream::connect(address).ok().map(drop)
        });
        Self {
            program,
            address,
            _directory: directory,
        }
    }
}
