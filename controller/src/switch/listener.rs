//! Where switches connect: TCP and Unix sockets.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use buoy_topology::HostName;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::driver::{self, Connection, ConnectionId, Report};
use super::places::Places;
use crate::rpc::{self, SocketFile};

/// Where to listen for switches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `tcp:HOST:PORT`
    Tcp(String),
    /// `unix:PATH`
    Unix(PathBuf),
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("tcp", address)) if address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) => {
                Ok(Self::Tcp(address.to_owned()))
            }
            Some(("unix", path)) if !path.is_empty() => Ok(Self::Unix(path.into())),
            _ => Err(EndpointError { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is no endpoint: write tcp:HOST:PORT or unix:PATH")]
pub struct EndpointError {
    text: String,
}

/// An endpoint that cannot be listened on.
#[derive(Debug, Error)]
#[error("cannot listen for switches on {endpoint}: {error}")]
pub struct ListenError {
    endpoint: Endpoint,
    error: std::io::Error,
}

/// Listens on an endpoint, and gives each connection a task of its own, until the core is gone. Returns the file of a
/// Unix socket.
pub async fn listen(
    endpoint: Endpoint,
    places: Places,
    reports: mpsc::Sender<Report>,
) -> Result<Option<SocketFile>, ListenError> {
    let fail = |error| ListenError { endpoint: endpoint.clone(), error };
    match &endpoint {
        Endpoint::Tcp(address) => {
            let listener = TcpListener::bind(address).await.map_err(fail)?;
            info!(%endpoint, "listening for switches");
            tokio::spawn(accept_tcp(listener, places, reports));
            Ok(None)
        }
        Endpoint::Unix(path) => {
            let (listener, file) =
                rpc::bind(path, None).map_err(|error| fail(std::io::Error::other(error.to_string())))?;
            info!(%endpoint, "listening for switches");
            tokio::spawn(accept_unix(listener, places, reports));
            Ok(Some(file))
        }
    }
}

async fn accept_tcp(listener: TcpListener, places: Places, reports: mpsc::Sender<Report>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Without it an exchange of small messages waits for delayed acknowledgements.
                if let Err(error) = stream.set_nodelay(true) {
                    warn!(%peer, %error, "cannot set TCP_NODELAY");
                }
                serve(stream, HostName(peer.ip().to_string().into()), peer.to_string(), &places, &reports);
            }
            Err(error) => back_off(&error).await,
        }
        if reports.is_closed() {
            return;
        }
    }
}

async fn accept_unix(listener: UnixListener, places: Places, reports: mpsc::Sender<Report>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => serve(stream, HostName("local".into()), "unix".to_owned(), &places, &reports),
            Err(error) => back_off(&error).await,
        }
        if reports.is_closed() {
            return;
        }
    }
}

fn serve<S>(stream: S, host: HostName, address: String, places: &Places, reports: &mpsc::Sender<Report>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let place = match places.take(&host) {
        Ok(place) => place,
        Err(full) => {
            warn!(%address, reason = %full, "a connection was turned away");
            return;
        }
    };
    let id = ConnectionId(NEXT_ID.fetch_add(1, Ordering::Relaxed));
    let (commands, received) = mpsc::channel(COMMANDS);
    let reports = reports.clone();
    tokio::spawn(async move {
        let connection = Connection { id, host, address, commands };
        if reports.send(Report::Opened(connection)).await.is_ok() {
            driver::run(stream, id, received, reports, place).await;
        }
    });
}

/// Accepting fails for lack of file descriptors, say; trying again at once would only spin.
async fn back_off(error: &std::io::Error) {
    warn!(%error, "cannot accept a connection");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// One job and some packets.
const COMMANDS: usize = 64;
