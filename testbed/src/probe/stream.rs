//! A TCP connection that lasts: whether it breaks, and how long it stalls.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::exchange::probe;
use crate::lab::Node;
use crate::running::{Running, Signal};

/// What became of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamReport {
    /// How many numbers came back.
    pub echoes: usize,
    /// The longest time that one took.
    pub longest: Duration,
    /// Why the connection broke, where it did.
    pub broken: Option<String>,
}

/// A connection that goes on until [`StreamRun::stop`].
#[derive(Debug)]
pub struct StreamRun {
    client: Running,
    _server: Running,
}

impl StreamRun {
    /// Serves in one node, connects from another, and sends a number each 5 ms.
    #[track_caller]
    pub fn start(client: &Node, server: &Node, address: impl Into<IpAddr>, port: u16) -> Self {
        let mut serving = server.spawn(probe("stream-serve", [port.to_string()]));
        serving.wait_for("ready", Duration::from_secs(5));
        let address = SocketAddr::new(address.into(), port);
        let mut client = client.spawn(probe("stream-run", [address.to_string()]));
        client.wait_for("echo", Duration::from_secs(10));
        Self { client, _server: serving }
    }

    /// Ends it.
    #[track_caller]
    pub fn stop(mut self) -> StreamReport {
        let still_runs = self.client.is_running();
        let output = self.client.stop(Signal::SIGTERM, Duration::from_secs(5));
        let times = output.stdout.lines().filter_map(|line| line.strip_prefix("echo ")?.parse::<u64>().ok());
        let times: Vec<_> = times.collect();
        let longest = Duration::from_micros(times.iter().copied().max().unwrap_or_default());
        let broken = (!still_runs).then(|| output.stderr.trim().to_owned());
        StreamReport { echoes: times.len(), longest, broken }
    }
}

/// Sends back what comes, for ever.
pub fn serve(port: u16) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).with_context(|| format!("TCP port {port}"))?;
    println!("ready");
    for stream in listener.incoming() {
        // A client that went away is its own affair.
        let Ok(mut stream) = stream else { continue };
        thread::spawn(move || -> Result<()> {
            stream.set_nodelay(true)?;
            let mut number = [0; 8];
            loop {
                stream.read_exact(&mut number)?;
                stream.write_all(&number)?;
            }
        });
    }
    Ok(())
}

/// Sends numbers and waits for each to come back; says how many microseconds each took.
pub fn run(server: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&server, Duration::from_secs(5)).context("connect")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    for number in 0_u64.. {
        let since = Instant::now();
        stream.write_all(&number.to_be_bytes()).context("write")?;
        let mut echo = [0; 8];
        stream.read_exact(&mut echo).context("read")?;
        ensure!(echo == number.to_be_bytes(), "another number came back");
        println!("echo {}", since.elapsed().as_micros());
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
