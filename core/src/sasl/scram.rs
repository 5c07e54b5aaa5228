//! SCRAM (RFC 5802, RFC 7677) with SHA-1, SHA-256 and SHA-512: neither side ever tells the password, and the server
//! proves that it knows it.
//!
//! ```text
//! client-first = gs2-header "n=" saslname ",r=" c-nonce
//! gs2-header   = ("p=" cb-name / "n" / "y") "," ["a=" saslname] ","
//! server-first = "r=" c-nonce s-nonce ",s=" base64 ",i=" posit-number ["," extensions]
//! client-final = "c=" base64 ",r=" c-nonce s-nonce ",p=" base64
//! server-final = ("e=" value / "v=" base64) ["," extensions]
//! ```
//! Server-final comes as a challenge here, since the 235 has no place for it; an empty response answers it.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::str::from_utf8;

use hmac::{Hmac, KeyInit, Mac};
use zeroize::Zeroizing;

use super::gs2::saslname;
use super::saslprep::{credentials, prepare};
use super::{
    Authentication, Context, ExchangeError, KeyDerivation, Mechanism, MechanismName, Response, Step, decode,
};
use crate::secret::Secret;
use crate::{base64, decimal};

/// What SCRAM asks of a hash.
pub(super) struct Hash {
    name: &'static str,
    length: usize,
    /// The hash of a message.
    digest: fn(&[u8]) -> Response,
    /// The HMAC with a key of a message.
    sign: fn(&[u8], &[u8]) -> Response,
    /// Whether an HMAC is right, in a time that does not depend on it.
    verify: fn(&[u8], &[u8], &[u8]) -> bool,
    /// PBKDF2 of a password with a salt and so many iterations.
    derive: fn(&[u8], &[u8], u32) -> Response,
}

macro_rules! hash {
    ($constant:ident, $feature:literal, $name:literal, $length:literal, $hash:ty) => {
        #[cfg(feature = $feature)]
        pub(super) static $constant: Hash = Hash {
            name: $name,
            length: $length,
            digest: |message| Zeroizing::new(<$hash as hmac::digest::Digest>::digest(message).to_vec()),
            sign: sign::<Hmac<$hash>>,
            verify: verify::<Hmac<$hash>>,
            derive: |password, salt, iterations| {
        let mut key = Zeroizing::new(alloc::vec![0; $length]);
                pbkdf2::pbkdf2_hmac::<$hash>(password, salt, iterations, &mut key);
                key
            },
        };
    };
}

hash!(SHA_1, "scram-sha-1", "SHA-1", 20, sha1::Sha1);
hash!(SHA_256, "scram-sha-256", "SHA-256", 32, sha2::Sha256);
hash!(SHA_512, "scram-sha-512", "SHA-512", 64, sha2::Sha512);

/// An HMAC takes a key of any length, so that there is no other way through.
fn keyed<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Option<M> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac)
}

fn sign<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Response {
    Zeroizing::new(
        keyed::<M>(key, message).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default(),
    )
}

fn verify<M: Mac + KeyInit>(key: &[u8], message: &[u8], tag: &[u8]) -> bool {
    keyed::<M>(key, message).is_some_and(|mac| mac.verify_slice(tag).is_ok())
}

/// Octets of randomness in the client's nonce.
const NONCE: usize = 24;
/// Octets that a salt may have.
const LONGEST_SALT: usize = 1024;
/// Octets that a message of the server's may have.
const LONGEST_MESSAGE: usize = 4096;

pub(super) struct Scram {
    hash: &'static Hash,
    start: Result<Start, ExchangeError>,
    iterations: (u32, u32),
    derive_above: Option<u32>,
    state: State,
}

/// What the exchange is made of from the start.
struct Start {
    gs2_header: String,
    channel_binding: Vec<u8>,
    /// Client-first without the gs2-header.
    bare: String,
    nonce: Vec<u8>,
    /// As SASLprep makes it.
    password: Secret,
}

/// What comes next.
enum State {
    /// Server-first.
    First,
    /// The key, for this authentication message and this beginning of client-final.
    Key { auth_message: Vec<u8>, without_proof: Vec<u8> },
    /// Server-final, which must have this signature.
    Final { server_key: Response, auth_message: Vec<u8> },
    /// Success, since the server proved itself.
    Proven,
    /// Refusal: the server said so.
    Refused,
}

impl Scram {
    pub(super) fn new(
        hash: &'static Hash,
        name: &MechanismName,
        authentication: &Authentication,
        context: &Context<'_>,
    ) -> Self {
        Self {
            hash,
            start: Start::new(name, authentication, context),
            iterations: context.iterations,
            derive_above: context.derive_above,
            state: State::First,
        }
    }

    fn first(&mut self, challenge: &[u8]) -> Result<Step, ExchangeError> {
        let start = self.start.as_ref().map_err(|error| *error)?;
        let message = decode(challenge)?;
        if message.starts_with(b"e=") {
            return self.refused();
        }
        let ServerFirst { nonce, salt, iterations } = server_first(&message, &start.nonce)?;
        let (least, most) = self.iterations;
        let iterations = u32::try_from(iterations).map_err(|_| ExchangeError::Iterations)?;
        if !(least..=most).contains(&iterations) {
            return Err(ExchangeError::Iterations);
        }
        let mut bound = Vec::from(start.gs2_header.as_bytes());
        bound.extend_from_slice(&start.channel_binding);
        let without_proof = [b"c=", base64::encode(&bound).as_slice(), b",r=", nonce].concat();
        let auth_message = [start.bare.as_bytes(), b",", &message, b",", &without_proof].concat();
        self.state = State::Key { auth_message, without_proof };
        if self.derive_above.is_some_and(|above| iterations > above) {
            let Hash { name, length, .. } = *self.hash;
            return Ok(Step::Derive(KeyDerivation { hash: name, iterations, length, salt }));
        }
        let key = (self.hash.derive)(start.password.expose().as_bytes(), &salt, iterations);
        self.derived(key).map(Step::Respond)
    }

    /// The server's proof.
    fn last(&mut self, challenge: &[u8]) -> Result<Step, ExchangeError> {
        let State::Final { server_key, auth_message } = &self.state else {
            return Err(ExchangeError::Challenge);
        };
        let message = decode(challenge)?;
        if message.starts_with(b"e=") {
            return self.refused();
        }
        let signature = message.strip_prefix(b"v=").ok_or(ExchangeError::Challenge)?;
        let signature = signature.split(|octet| *octet == b',').next().unwrap_or_default();
        let signature = decode(signature).map_err(|_| ExchangeError::Proof)?;
        if !(self.hash.verify)(server_key, auth_message, &signature) {
            return Err(ExchangeError::Proof);
        }
        self.state = State::Proven;
        Ok(Step::Respond(Response::default()))
    }

    /// The server says why it refuses, and goes on to its reply: an empty response lets it.
    fn refused(&mut self) -> Result<Step, ExchangeError> {
        self.state = State::Refused;
        Ok(Step::Respond(Response::default()))
    }
}

impl Mechanism for Scram {
    fn start(&mut self) -> Result<Option<Response>, ExchangeError> {
        let Start { gs2_header, bare, .. } = self.start.as_ref().map_err(|error| *error)?;
        Ok(Some(Zeroizing::new([gs2_header.as_bytes(), bare.as_bytes()].concat())))
    }

    fn step(&mut self, challenge: &[u8]) -> Result<Step, ExchangeError> {
        match self.state {
            State::First => self.first(challenge),
            State::Final { .. } => self.last(challenge),
            State::Key { .. } | State::Proven | State::Refused => Err(ExchangeError::Challenge),
        }
    }

    /// RFC 5802 §3.
    fn derived(&mut self, key: Response) -> Result<Response, ExchangeError> {
        if key.len() != self.hash.length {
            return Err(ExchangeError::Challenge);
        }
        let State::Key { auth_message, without_proof } = mem::replace(&mut self.state, State::Refused) else {
            return Err(ExchangeError::Challenge);
        };
        let client_key = (self.hash.sign)(&key, b"Client Key");
        let server_key = (self.hash.sign)(&key, b"Server Key");
        let stored_key = (self.hash.digest)(&client_key);
        let signature = (self.hash.sign)(&stored_key, &auth_message);
        let proof: Vec<u8> = client_key.iter().zip(signature.iter()).map(|(key, sign)| key ^ sign).collect();
        let proof = Zeroizing::new(proof);
        let response = [&without_proof, b",p=".as_slice(), &base64::encode(&proof)].concat();
        self.state = State::Final { server_key, auth_message };
        Ok(Zeroizing::new(response))
    }

    fn finish(&mut self) -> Result<(), ExchangeError> {
        if matches!(self.state, State::Proven) { Ok(()) } else { Err(ExchangeError::Proof) }
    }
}

impl Start {
    fn new(
        name: &MechanismName,
        authentication: &Authentication,
        context: &Context<'_>,
    ) -> Result<Self, ExchangeError> {
        let [user, password] = credentials(authentication)?;
        let binding = context.channel_bindings.first();
        let authorization = match authentication.authorization() {
            "" => String::new(),
            identity => ["a=", &saslname(&prepare(identity)?)].concat(),
        };
        // `y` says that the client could bind and believes that the server cannot: a server that can knows then that
        // somebody took the -PLUS away (RFC 5802 §6).
        let (flag, channel_binding) = match binding {
            Some(binding) if name.is_plus() => (["p=", binding.name()].concat(), binding.data().into()),
            Some(_) if !context.offers_plus => ("y".into(), Vec::new()),
            _ => ("n".into(), Vec::new()),
        };
        let nonce = context.nonce(NONCE)?;
        let bare = ["n=", &saslname(&user), ",r=", from_utf8(&nonce).unwrap_or_default()].concat();
        let gs2_header = [flag.as_str(), ",", &authorization, ","].concat();
        Ok(Self { gs2_header, channel_binding, bare, nonce, password: Secret::from(password.as_str()) })
    }
}

struct ServerFirst<'a> {
    nonce: &'a [u8],
    salt: Vec<u8>,
    iterations: u64,
}

/// Reads server-first. An `m=` before it is an extension that must be understood, and is not.
fn server_first<'a>(message: &'a [u8], client_nonce: &[u8]) -> Result<ServerFirst<'a>, ExchangeError> {
    if message.len() > LONGEST_MESSAGE {
        return Err(ExchangeError::Challenge);
    }
    let mut attributes = message.split(|octet| *octet == b',');
    let mut attribute = |name: &[u8]| {
        attributes.next().and_then(|attribute| attribute.strip_prefix(name)).ok_or(ExchangeError::Challenge)
    };
    let (nonce, salt, iterations) = (attribute(b"r=")?, attribute(b"s=")?, attribute(b"i=")?);
    // The server's part must be there, and printable as the client's is.
    let own = nonce.strip_prefix(client_nonce).filter(|own| !own.is_empty());
    if !own.is_some_and(|own| own.iter().all(u8::is_ascii_graphic)) {
        return Err(ExchangeError::Challenge);
    }
    let salt = decode(salt)?;
    if salt.is_empty() || salt.len() > LONGEST_SALT || iterations.starts_with(b"0") {
        return Err(ExchangeError::Challenge);
    }
    let digits = iterations.iter().all(u8::is_ascii_digit);
    let digits = from_utf8(iterations).ok().filter(|text| digits && !text.is_empty());
    // More digits than a number can have are more iterations than anyone allows.
    let iterations =
        decimal::parse(digits.ok_or(ExchangeError::Challenge)?).ok_or(ExchangeError::Iterations)?;
    Ok(ServerFirst { nonce, salt, iterations })
}

#[cfg(test)]
#[cfg(all(feature = "scram-sha-1", feature = "scram-sha-256", feature = "scram-sha-512"))]
mod tests {
    use super::*;
    use crate::sasl::{ChannelBinding, context, respond};

    const NONCE_1: &str = "fyko+d2lbbFgONRv9qkxdawL";
    const NONCE_256: &str = "rOprNGfwEbeRWgbNEkqO";
    const FIRST_1: &str = "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
    const FIRST_256: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    /// An exchange with this nonce.
    fn scram(
        hash: &'static Hash,
        nonce: &str,
        login: &Authentication,
        context: &Context<'_>,
        name: &str,
    ) -> Scram {
        let mut scram = Scram::new(hash, &MechanismName::known(name), login, context);
        if let Ok(start) = &mut scram.start {
            start.bare = start.bare.replace(text(&start.nonce), nonce);
            start.nonce = nonce.into();
        }
        scram
    }

    fn user() -> Authentication {
        Authentication::password("user", "pencil").unwrap()
    }

    fn plain() -> Scram {
        scram(&SHA_256, NONCE_256, &user(), &context(), "SCRAM-SHA-256")
    }

    fn exporter() -> [ChannelBinding; 1] {
        [ChannelBinding::TlsExporter((0..32).collect())]
    }

    fn text(message: &[u8]) -> &str {
        from_utf8(message).unwrap()
    }

    fn encoded(message: &str) -> Zeroizing<Vec<u8>> {
        base64::encode(message.as_bytes())
    }

    /// RFC 5802 §5, RFC 7677 §3, the same for SHA-512, and what follows for channel bindings and names.
    #[test]
    fn vectors() {
        let bindings = exporter();
        let bound = Context { channel_bindings: &bindings, offers_plus: true, ..context() };
        let stripped = Context { channel_bindings: &bindings, ..context() };
        let escaped = Authentication::password("us,er=1", "pencil").unwrap().acting_as("adm,in").unwrap();
        for (scram, start, first, last, proof) in [
            (
                scram(&SHA_1, NONCE_1, &user(), &context(), "SCRAM-SHA-1"),
                "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
                FIRST_1,
                "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
            ),
            (
                plain(),
                "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
                FIRST_256,
                "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                 p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            ),
            (
                scram(&SHA_512, NONCE_256, &user(), &context(), "SCRAM-SHA-512"),
                "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
                FIRST_256,
                "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+\
                 xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
                "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==",
            ),
            (
                scram(&SHA_256, NONCE_256, &user(), &bound, "SCRAM-SHA-256-PLUS"),
                "p=tls-exporter,,n=user,r=rOprNGfwEbeRWgbNEkqO",
                FIRST_256,
                "c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f,\
                 r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=QC6CS20quADQRb3mT99YUH+n3VJxUvzuK0K0E1Vrs2M=",
                "v=2GiAgapEppLVlUXbxUDksL3VgYHzuqiK5tR4mhJGgvs=",
            ),
            (
                scram(&SHA_1, NONCE_1, &user(), &bound, "SCRAM-SHA-1-PLUS"),
                "p=tls-exporter,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
                FIRST_1,
                "c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f,\
                 r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=i0z2xFi+ITaJvbLXpcWyruGx26U=",
                "v=YgmPUhdXTCPY9I7+PKzEdnp1cdo=",
            ),
            // A-13: the server's -PLUS is missing, and it is told so.
            (
                scram(&SHA_256, NONCE_256, &user(), &stripped, "SCRAM-SHA-256"),
                "y,,n=user,r=rOprNGfwEbeRWgbNEkqO",
                FIRST_256,
                "c=eSws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                 p=FoqiHTtQEDE8lz1CdaEe3tK4mS+iMDTl77SPyDS53DY=",
                "v=dI4KpiQJwBr1+V+K6U1dA6l6I4I9DUNXWND4pcpRU3U=",
            ),
            (
                scram(&SHA_256, NONCE_256, &escaped, &context(), "SCRAM-SHA-256"),
                "n,a=adm=2Cin,n=us=2Cer=3D1,r=rOprNGfwEbeRWgbNEkqO",
                FIRST_256,
                "c=bixhPWFkbT0yQ2luLA==,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                 p=bTXO/qWgYYgbv40oyJtDaWB3wepqVxJTIkv+2sGbUuE=",
                "v=qdLbryw1mpzs9Rdu6CDUhJPzy2Oi46JOoaDsVFHMHF0=",
            ),
        ] {
            let mut scram = scram;
            assert_eq!(text(&scram.start().unwrap().unwrap()), start);
            assert_eq!(scram.finish(), Err(ExchangeError::Proof), "A-06: success at once");
            assert_eq!(text(&respond(&mut scram, &encoded(first)).unwrap()), last);
            assert_eq!(scram.finish(), Err(ExchangeError::Proof), "success without the server's proof");
            assert_eq!(respond(&mut scram, &encoded(proof)).unwrap(), b"");
            assert_eq!(scram.finish(), Ok(()));
            assert_eq!(respond(&mut scram, &encoded(proof)), Err(ExchangeError::Challenge), "a second proof");
        }
    }

    /// The values in between of RFC 5802 and RFC 7677.
    #[test]
    fn salted_passwords() {
        for (hash, salt, key) in [
            (&SHA_1, "QSXCR+Q6sek8bf92", "1d96ee3a529b5a5f9e47c01f229a2cb8a6e15f7d"),
            (
                &SHA_256,
                "W22ZaJ0SNY7soEsUEjb6gQ==",
                "c4a49510323ab4f952cac1fa99441939e78ea74d6be81ddf7096e87513dc615d",
            ),
            (
                &SHA_512,
                "W22ZaJ0SNY7soEsUEjb6gQ==",
                "f16efe1be67f1d09502ebd5ed9262fddffba5a377ab4f0b687e5ed5ba0f50686\
                 b8a4ae166476da8ab3b951d2fa9238b63998f45461bc33a464814949cec9631d",
            ),
        ] {
            let derived = (hash.derive)(b"pencil", &decode(salt.as_bytes()).unwrap(), 4096);
            assert_eq!(text(&crate::hexadecimal::lower(&derived)), key);
        }
    }

    /// A-08, A-09 and the like: refused before a key is derived.
    #[test]
    fn first_messages_that_do_not_fit() {
        use ExchangeError::{Challenge, Iterations};
        let good = "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==";
        let with = |rest: &str| [good, rest].concat();
        for (first, error) in [
            ("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".into(), Challenge),
            ("r=xOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".into(), Challenge),
            ("r=,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".into(), Challenge),
            ("r=rOprNGfwEbeRWgbNEkqO x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".into(), Challenge),
            (with(",i=0"), Challenge),
            (with(",i=04096"), Challenge),
            (with(",i=-1"), Challenge),
            (with(",i=+4096"), Challenge),
            (with(",i=4096x"), Challenge),
            (with(",i="), Challenge),
            (with(""), Challenge),
            (with(",i=4095"), Iterations),
            (with(",i=1"), Iterations),
            (with(",i=600001"), Iterations),
            (with(",i=2000000000"), Iterations),
            (with(",i=2147483647"), Iterations),
            (with(",i=4294967297"), Iterations),
            (with(",i=99999999999999999999"), Iterations),
            ("r=rOprNGfwEbeRWgbNEkqOx,i=4096".into(), Challenge),
            (
                "r=rOprNGfwEbeRWgbNEkqOx,r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".into(),
                Challenge,
            ),
            ("s=W22ZaJ0SNY7soEsUEjb6gQ==,r=rOprNGfwEbeRWgbNEkqOx,i=4096".into(), Challenge),
            (["m=x,", good, ",i=4096"].concat(), Challenge),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096".into(), Challenge),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=!!,i=4096".into(), Challenge),
            (String::new(), Challenge),
            (with(&[",i=4096,x=", &"y".repeat(4096)].concat()), Challenge),
            (["r=rOprNGfwEbeRWgbNEkqOx,s=", &"AAAA".repeat(342), ",i=4096"].concat(), Challenge),
        ] {
            let mut scram = plain();
            assert_eq!(respond(&mut scram, &encoded(&first)), Err(error), "{first}");
            assert_eq!(scram.finish(), Err(ExchangeError::Proof));
        }
        assert_eq!(respond(&mut plain(), b"!!!!"), Err(Challenge), "A-04");
        assert!(respond(&mut plain(), &encoded(&with(",i=4096,x=unknown"))).is_ok());
        let slow = Context { derive_above: Some(0), ..context() };
        let mut most = scram(&SHA_256, NONCE_256, &user(), &slow, "SCRAM-SHA-256");
        assert!(matches!(most.step(&encoded(&with(",i=600000"))), Ok(Step::Derive(_))));
    }

    /// A-07: what does not prove that the server knows the password.
    #[test]
    fn last_messages_that_prove_nothing() {
        use ExchangeError::{Challenge, Proof};
        for (last, error) in [
            ("v=AAAA", Proof),
            ("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G8=", Proof),
            ("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsg==", Proof),
            ("v=", Proof),
            ("v=!!", Proof),
            ("", Challenge),
            ("x=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", Challenge),
        ] {
            let mut scram = plain();
            assert!(respond(&mut scram, &encoded(FIRST_256)).is_ok());
            assert_eq!(respond(&mut scram, &encoded(last)), Err(error), "{last}");
            assert_eq!(scram.finish(), Err(Proof));
        }
    }

    /// The server says why it refuses: it is let go on to its reply, and success does not count any more.
    #[test]
    fn refusals() {
        for before in [&[][..], &[FIRST_256]] {
            let mut scram = plain();
            for message in before {
                assert!(respond(&mut scram, &encoded(message)).is_ok());
            }
            assert_eq!(respond(&mut scram, &encoded("e=invalid-proof")).unwrap(), b"");
            assert_eq!(scram.finish(), Err(ExchangeError::Proof));
            assert_eq!(respond(&mut scram, b""), Err(ExchangeError::Challenge));
        }
    }

    #[test]
    fn the_host_derives_what_is_slow() {
        let slow = Context { derive_above: Some(4095), ..context() };
        let mut scram = scram(&SHA_256, NONCE_256, &user(), &slow, "SCRAM-SHA-256");
        let Ok(Step::Derive(derivation)) = scram.step(&encoded(FIRST_256)) else { panic!("no derivation") };
        assert_eq!((derivation.hash, derivation.iterations, derivation.length), ("SHA-256", 4096, 32));
        assert_eq!(respond(&mut scram, &encoded(FIRST_256)), Err(ExchangeError::Challenge));
        assert_eq!(scram.derived(Zeroizing::new([0; 31].into())), Err(ExchangeError::Challenge), "too short");
        let key = (SHA_256.derive)(b"pencil", &derivation.salt, derivation.iterations);
        assert!(
            text(&scram.derived(key).unwrap()).ends_with(",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
        );
    }

    #[test]
    fn no_randomness_no_exchange() {
        let context = Context { entropy: &[7; 32], ..context() };
        let name = MechanismName::parse("SCRAM-SHA-1").unwrap();
        assert_eq!(Scram::new(&SHA_1, &name, &user(), &context).start(), Err(ExchangeError::Entropy));
    }
}
