//! A host as a user of the core would write it, on blocking sockets and rustls.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use sansmtp::sasl::ChannelBinding;
use sansmtp::{Client, Config, Event, Segment, Time, TlsInfo};

/// A connection and its session.
pub(crate) struct Connection {
    pub(crate) client: Client,
    socket: Socket,
    tls: Arc<ClientConfig>,
    begin: Instant,
    buffer: Vec<u8>,
}

/// A socket, with TLS or without yet.
enum Socket {
    Clear(TcpStream),
    Secure(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// While it changes.
    None,
}

impl Connection {
    pub(crate) fn open(port: u16, config: Config, tls: Arc<ClientConfig>) -> Result<Self> {
        let tcp = TcpStream::connect(("127.0.0.1", port))?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(Duration::from_secs(20)))?;
        let client = Client::new(config, Time::from_millis(0));
        Ok(Self { client, socket: Socket::Clear(tcp), tls, begin: Instant::now(), buffer: vec![0; 16384] })
    }

    /// The next event; until there is one, octets are written and read, and TLS is set up.
    #[allow(dead_code, reason = "one of the two is for who gives large messages")]
    pub(crate) fn next(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.turn()? {
                return Ok(event);
            }
        }
    }

    /// The next event, if there is one; else something is written, or read, or TLS is set up.
    pub(crate) fn turn(&mut self) -> Result<Option<Event>> {
        match self.client.poll_event() {
            Some(Event::StartTls) => self.secure()?,
            Some(event) => return Ok(Some(event)),
            None if self.write()? => {}
            None => self.read()?,
        }
        Ok(None)
    }

    fn now(&self) -> Time {
        Time::from_millis(u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(0))
    }

    /// Whether there was something to write.
    fn write(&mut self) -> Result<bool> {
        let flight = self.client.transmit().filter_map(Segment::bytes).collect::<Vec<_>>().concat();
        if flight.is_empty() {
            return Ok(false);
        }
        self.client.transmitting(self.now(), flight.len() as u64)?;
        match &mut self.socket {
            Socket::Clear(tcp) => tcp.write_all(&flight)?,
            Socket::Secure(tls) => tls.write_all(&flight).and_then(|()| tls.flush())?,
            Socket::None => {}
        }
        self.client.transmitted(self.now(), flight.len() as u64)?;
        Ok(true)
    }

    fn read(&mut self) -> Result<()> {
        let count = match &mut self.socket {
            Socket::Clear(tcp) => tcp.read(&mut self.buffer),
            Socket::Secure(tls) => tls.read(&mut self.buffer),
            Socket::None => bail!("no socket"),
        };
        // What the session makes of its end, its events tell.
        let _ = match count.unwrap_or(0) {
            0 => self.client.handle_eof(self.now()),
            count => self.client.handle_input(self.now(), &self.buffer[..count]),
        };
        Ok(())
    }

    fn secure(&mut self) -> Result<()> {
        let Socket::Clear(tcp) = std::mem::replace(&mut self.socket, Socket::None) else {
            bail!("TLS within TLS")
        };
        let connection = ClientConnection::new(self.tls.clone(), ServerName::try_from("localhost")?)?;
        let mut secure = StreamOwned::new(connection, tcp);
        while secure.conn.is_handshaking() {
            secure.conn.complete_io(&mut secure.sock)?;
        }
        let mut bindings = Vec::new();
        if secure.conn.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3) {
            let label = b"EXPORTER-Channel-Binding";
            let data = secure.conn.export_keying_material([0; 32], label, Some(b""))?;
            bindings.push(ChannelBinding::TlsExporter(data.into()));
        }
        self.socket = Socket::Secure(Box::new(secure));
        self.client.tls_established(self.now(), TlsInfo::new(true).with_channel_bindings(bindings))?;
        Ok(())
    }
}
