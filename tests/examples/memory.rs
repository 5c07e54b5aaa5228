//! What memory a message costs that is read from a file while it is sent: `memory FILE PORT`. Prints MiB: resident memory at
//! most; and MiB a second. As `wasm/test/memory.mjs`.
#![allow(clippy::expect_used, clippy::panic, clippy::cast_precision_loss, missing_docs)]

use std::env;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use anyhow::{Context as _, Result};
use sansmtp::{
    BodyPlan, Client, Config, Content, Envelope, Event, ForwardPath, OperationId, ReversePath, Segment, Time,
    TlsMode,
};

fn main() -> Result<()> {
    let [file, port] = <[String; 2]>::try_from(env::args().skip(1).collect::<Vec<_>>())
        .ok()
        .context("usage: memory FILE PORT")?;
    let size = fs::metadata(&file)?.len();
    let begin = Instant::now();
    send(&file, port.parse()?, size)?;
    let seconds = begin.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the peak of memory")?;
    let peak: f64 = peak.trim().trim_end_matches(" kB").parse()?;
    println!("{:.1} {:.0}", peak / 1024.0, size as f64 / f64::from(1 << 20) / seconds);
    Ok(())
}

fn send(file: &str, port: u16, size: u64) -> Result<()> {
    let begin = Instant::now();
    let now = || Time::from_millis(u64::try_from(begin.elapsed().as_millis()).unwrap_or(0));
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_nodelay(true)?;
    let mut client = Client::new(Config::new(TlsMode::Never), now());
    let envelope =
        Envelope::new(ReversePath::parse("ann@example.com")?).to(ForwardPath::parse("bob@example.org")?);
    client.send(&envelope, BodyPlan::default().with_content(Content::EightBit).with_size(size))?;
    // A piece of the file that was not taken in full.
    let mut giving: Option<(OperationId, File)> = None;
    let (mut piece, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        while let Some(event) = client.poll_event() {
            match event {
                Event::SendBody { operation, .. } => giving = Some((operation, File::open(file)?)),
                Event::Delivered { .. } => client.quit()?,
                Event::Failed { failure, .. } => panic!("{failure:?}"),
                Event::Closed => return Ok(()),
                _ => {}
            }
        }
        if let Some((operation, from)) = &mut giving {
            if piece.is_empty() {
                let count = from.read(&mut buffer)?;
                piece.extend_from_slice(buffer.get(..count).unwrap_or_default());
            }
            if piece.is_empty() {
                client.end_body(*operation)?;
                giving = None;
            } else {
                let taken = client.body(*operation, &piece)?;
                piece.drain(..taken);
            }
        }
        let flight = client.transmit().filter_map(Segment::bytes).collect::<Vec<_>>().concat();
        if !flight.is_empty() {
            client.transmitting(now(), flight.len() as u64)?;
            socket.write_all(&flight)?;
            client.transmitted(now(), flight.len() as u64)?;
        }
        // While there is something to give, replies can wait until nothing more is taken.
        if giving.is_none() || (flight.is_empty() && !piece.is_empty()) {
            match socket.read(&mut buffer)? {
                0 => client.handle_eof(now())?,
                count => client.handle_input(now(), buffer.get(..count).unwrap_or_default())?,
            }
        }
    }
}
