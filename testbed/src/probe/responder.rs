//! What runs in the nodes: small servers, and the clients that talk to them.
//!
//! The first line of every answer is the client's address as the server sees it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::probe::exchange::Exchange;

/// Serves TCP for ever.
pub fn tcp_serve(port: u16) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).with_context(|| format!("TCP port {port}"))?;
    println!("ready");
    for stream in listener.incoming() {
        // A client that went away is its own affair.
        let Ok(stream) = stream else { continue };
        thread::spawn(move || {
            let _ = answer(stream);
        });
    }
    Ok(())
}

/// Serves UDP for ever.
pub fn udp_serve(port: u16) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).with_context(|| format!("UDP port {port}"))?;
    println!("ready");
    let mut datagram = vec![0; 65_536];
    loop {
        // An ICMP error for an earlier answer shows up here.
        let Ok((length, peer)) = socket.recv_from(&mut datagram) else { continue };
        let mut reply = format!("{peer}\n").into_bytes();
        reply.extend(datagram.iter().take(length));
        let _ = socket.send_to(&reply, peer);
    }
}

/// One exchange over TCP.
pub fn tcp_exchange(server: SocketAddr, deadline: Duration, payload: &str) -> Result<Exchange> {
    let end = Instant::now() + deadline;
    let mut stream = TcpStream::connect_timeout(&server, deadline).context("connect")?;
    stream.set_write_timeout(Some(left(end)?))?;
    stream.write_all(payload.as_bytes()).context("write")?;
    stream.shutdown(Shutdown::Write).context("write")?;
    let local = stream.local_addr()?;
    let mut reply = Vec::new();
    let mut chunk = vec![0; 65_536];
    loop {
        stream.set_read_timeout(Some(left(end)?))?;
        match stream.read(&mut chunk).context("read")? {
            0 => return understand(&reply, local),
            length => reply.extend(chunk.iter().take(length)),
        }
    }
}

/// One exchange over UDP; the datagram is sent up to three times.
pub fn udp_exchange(server: SocketAddr, deadline: Duration, payload: &str) -> Result<Exchange> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(server).context("connect")?;
    socket.set_read_timeout(Some((deadline / UDP_TRIES).max(Duration::from_millis(1))))?;
    let mut reply = vec![0; 65_536];
    let mut failure = None;
    for _ in 0..UDP_TRIES {
        match socket.send(payload.as_bytes()).and_then(|_| socket.recv(&mut reply)) {
            Ok(length) => {
                reply.truncate(length);
                return understand(&reply, socket.local_addr()?);
            }
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) => Err(error).context("no echo"),
        None => bail!("no echo"),
    }
}

const UDP_TRIES: u32 = 3;

/// Echoes after the client's address, once the client has said all; an HTTP GET has said all at its empty line.
fn answer(mut stream: TcpStream) -> Result<()> {
    let peer = stream.peer_addr()?;
    let mut request = Vec::new();
    let mut chunk = vec![0; 65_536];
    loop {
        let length = stream.read(&mut chunk)?;
        request.extend(chunk.iter().take(length));
        if request.starts_with(b"GET ") && request.ends_with(b"\r\n\r\n") {
            let body = format!("{peer}\n");
            let length = body.len();
            write!(
                stream,
                "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nX-Peer: {peer}\r\n\r\n{body}"
            )?;
            return Ok(());
        }
        if length == 0 {
            writeln!(stream, "{peer}")?;
            stream.write_all(&request)?;
            return Ok(());
        }
    }
}

fn understand(reply: &[u8], local: SocketAddr) -> Result<Exchange> {
    let reply = String::from_utf8_lossy(reply).into_owned();
    let first = reply.lines().next().unwrap_or_default();
    let is_http = first.starts_with("HTTP/");
    let peer = if is_http { reply.lines().find_map(|line| line.strip_prefix("X-Peer: ")) } else { Some(first) };
    let peer = peer.and_then(|peer| peer.trim().parse().ok()).with_context(|| format!("odd answer {reply:?}"))?;
    let reply = if is_http { reply } else { reply.split_once('\n').unwrap_or_default().1.to_owned() };
    Ok(Exchange { reply, peer, local })
}

fn left(end: Instant) -> Result<Duration> {
    match end.checked_duration_since(Instant::now()) {
        Some(left) if !left.is_zero() => Ok(left),
        _ => bail!("timed out"),
    }
}
