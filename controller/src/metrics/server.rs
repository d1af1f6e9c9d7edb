//! A small HTTP server: `GET /metrics`, an answer, and the connection is closed. It takes few clients at once, short
//! requests, and not for long.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::text::CONTENT_TYPE;
use crate::api::{Call, Request, Wait};
use crate::rpc::{self, Answer, Ask, Peer, SocketFile};
use crate::switch::Endpoint;

/// It cannot be listened there.
#[derive(Debug, Error)]
#[error("cannot serve metrics on {endpoint}: {reason}")]
pub struct MetricsError {
    endpoint: Endpoint,
    reason: String,
}

/// A place where metrics are served.
#[derive(Debug)]
pub struct Server {
    /// The file of a Unix socket.
    _file: Option<SocketFile>,
    listener: Listener,
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Server {
    /// Listens on an endpoint.
    pub async fn bind(endpoint: &Endpoint) -> Result<Self, MetricsError> {
        let fail = |reason: String| MetricsError { endpoint: endpoint.clone(), reason };
        let (listener, file) = match endpoint {
            Endpoint::Tcp(address) => {
                let listener = TcpListener::bind(address).await.map_err(|error| fail(error.to_string()))?;
                (Listener::Tcp(listener), None)
            }
            Endpoint::Unix(path) => {
                let (listener, file) = rpc::bind(path, None).map_err(|error| fail(error.to_string()))?;
                (Listener::Unix(listener), Some(file))
            }
        };
        info!(%endpoint, "serving metrics");
        Ok(Self { _file: file, listener })
    }

    /// Serves clients until shutdown. Who is not answered by then is hung up on.
    pub async fn run(self, asks: mpsc::Sender<Ask>, mut shutdown: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = shutdown.wait_for(|stop| *stop) => return,
            };
            let stream = match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    warn!(%error, "cannot accept who wants metrics");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                debug!(limit = MAX_CONNECTIONS, "too many want metrics: one was turned away");
                continue;
            };
            let (asks, mut shutdown) = (asks.clone(), shutdown.clone());
            tokio::spawn(async move {
                tokio::select! {
                    // Who is too slow is hung up on.
                    _ = timeout(PATIENCE, serve(stream, &asks)) => {}
                    _ = shutdown.wait_for(|stop| *stop) => {}
                }
                drop(place);
            });
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Listener {
    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(listener) => Box::new(listener.accept().await?.0),
            Self::Unix(listener) => Box::new(listener.accept().await?.0),
        })
    }
}

async fn serve(mut stream: Box<dyn Stream>, asks: &mpsc::Sender<Ask>) -> io::Result<()> {
    let Ok(wanted) = timeout(QUESTION, listen(&mut stream)).await else { return Ok(()) };
    let wanted = wanted?;
    let (status, text) = match wanted {
        Wanted::Metrics => match metrics(asks).await {
            Some(text) => ("200 OK", text),
            None => ("503 Service Unavailable", "the daemon is stopping\n".to_owned()),
        },
        Wanted::Refused(status, text) => (status, text.to_owned()),
        Wanted::More => return Ok(()),
    };
    let kind = if wanted == Wanted::Metrics { CONTENT_TYPE } else { "text/plain; charset=utf-8" };
    let allow = if status.starts_with("405") { "Allow: GET\r\n" } else { "" };
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}Connection: close\r\n\r\n{text}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// Hears what a client wants; more, where it hangs up before it has said it.
async fn listen(stream: &mut Box<dyn Stream>) -> io::Result<Wanted> {
    let mut head = Vec::new();
    loop {
        let mut piece = [0; 1024];
        let length = stream.read(&mut piece).await?;
        head.extend(piece.iter().take(length));
        let wanted = read(&head);
        if length == 0 || wanted != Wanted::More {
            return Ok(wanted);
        }
    }
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// It has not said all of it.
    More,
    Metrics,
    /// A status, and why.
    Refused(&'static str, &'static str),
}

/// Reads the head of a request, as far as it has come.
fn read(head: &[u8]) -> Wanted {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Partial) if head.len() < LONGEST_HEAD => Wanted::More,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            Wanted::Refused("431 Request Header Fields Too Large", "the head of the request is too long\n")
        }
        Err(_) => Wanted::Refused("400 Bad Request", "this is no HTTP/1.1 request\n"),
        Ok(httparse::Status::Complete(_)) => {
            let path = request.path.and_then(|path| path.split('?').next());
            match (request.method, path) {
                (Some("GET"), Some("/metrics")) => Wanted::Metrics,
                (Some("GET"), _) => Wanted::Refused("404 Not Found", "there is /metrics, and nothing else\n"),
                _ => Wanted::Refused("405 Method Not Allowed", "only GET is answered\n"),
            }
        }
    }
}

/// Asks the core for the text.
async fn metrics(asks: &mpsc::Sender<Ask>) -> Option<String> {
    let (reply, answer) = oneshot::channel();
    let call = Call { request: Request::MetricsShow, wait: Wait::None, timeout: SWITCHES, project: None };
    let (uid, gid) = (nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw());
    asks.send(Ask { call, peer: Peer { uid, gid, pid: None, user: None }, reply }).await.ok()?;
    match answer.await.ok()? {
        Ok(Answer::Value(Value::Object(mut result))) => match result.remove("text") {
            Some(Value::String(text)) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// Clients at once.
const MAX_CONNECTIONS: usize = 8;
/// How long a client may take to say what it wants.
const QUESTION: Duration = Duration::from_secs(3);
/// How long a client and its answer may take together.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long switches may take to tell what they dropped.
const SWITCHES: Duration = Duration::from_secs(4);
/// Bytes of a request's head.
const LONGEST_HEAD: usize = 8_192;
/// Header lines.
const MOST_HEADERS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_comes() {
        let whole = b"GET /metrics?x=1 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(read(whole.get(..end).unwrap()), Wanted::More, "{end}");
        }
        assert_eq!(read(whole), Wanted::Metrics);
    }

    #[test]
    fn what_is_not_served_is_said() {
        let status = |head: &[u8]| match read(head) {
            Wanted::Refused(status, _) => status.get(..3).unwrap().to_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(status(b"GET / HTTP/1.1\r\n\r\n"), "404");
        assert_eq!(status(b"POST /metrics HTTP/1.1\r\n\r\n"), "405");
        assert_eq!(status(b"\x16\x03\x01\x02\x00\x01\x00\x01"), "400");
        assert_eq!(status(b"{\"jsonrpc\":\"2.0\"}\r\n\r\n"), "400");
        let long = [b"GET /metrics HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; LONGEST_HEAD]].concat();
        assert_eq!(status(&long), "431");
        let many =
            [b"GET /metrics HTTP/1.1\r\n".to_vec(), b"X: y\r\n".repeat(MOST_HEADERS + 1), b"\r\n".to_vec()].concat();
        assert_eq!(status(&many), "431");
    }
}
