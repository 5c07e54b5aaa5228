//! DIGEST-MD5 (RFC 2831, historic by RFC 6331), with `qop=auth`: never a security layer. It is used only by name.
//!
//! ```text
//! HA1      = MD5( MD5(user ":" realm ":" password) ":" nonce ":" cnonce [":" authzid] )
//! response = MD5( hex(HA1) ":" nonce ":" nc ":" cnonce ":" qop ":" hex(MD5("AUTHENTICATE:" digest-uri)) )
//! rspauth  = the same with MD5(":" digest-uri)
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use hmac::digest::CtOutput;
use zeroize::Zeroizing;

use super::md5::md5;
use super::{Authentication, Context, ExchangeError, Mechanism, Response, Step, decode};
use crate::hexadecimal;
use crate::secret::Secret;

/// Octets that a challenge may have (RFC 2831 §2.1.1).
const LONGEST_CHALLENGE: usize = 2048;
/// Octets of randomness in the client's nonce.
const NONCE: usize = 16;

pub(super) struct DigestMd5 {
    authorization: String,
    user: String,
    password: Secret,
    uri: String,
    nonce: Result<Vec<u8>, ExchangeError>,
    state: State,
}

enum State {
    /// The challenge comes.
    Challenge,
    /// The server's proof comes: `rspauth` must have this value.
    Proof(CtOutput<Hexadecimal>),
    Proven,
}

/// 32 digits, compared in a time that does not depend on them.
struct Hexadecimal;

impl hmac::digest::OutputSizeUser for Hexadecimal {
    type OutputSize = hmac::digest::consts::U32;
}

impl DigestMd5 {
    pub(super) fn new(authentication: &Authentication, context: &Context<'_>) -> Self {
        Self {
            authorization: authentication.authorization().into(),
            user: authentication.user().into(),
            password: authentication.secret().into(),
            uri: ["smtp/", context.host].concat(),
            nonce: context.nonce(NONCE),
            state: State::Challenge,
        }
    }

    fn answer(&self, challenge: &[u8]) -> Result<(Response, CtOutput<Hexadecimal>), ExchangeError> {
        let Challenge { nonce, realm, is_utf8 } = Challenge::parse(challenge)?;
        let own_nonce = self.nonce.as_deref().map_err(|error| *error)?;
        let realm = realm.unwrap_or_default();
        let user = hashed(&self.user, is_utf8)?;
        let password = hashed(self.password.expose(), is_utf8)?;
        let secret = md5(&[&user, b":", &realm, b":", &password]);
        let mut first: Vec<&[u8]> = Vec::from([secret.as_slice(), b":", &nonce, b":", own_nonce]);
        if !self.authorization.is_empty() {
            first.extend([b":".as_slice(), self.authorization.as_bytes()]);
        }
        let first = hexadecimal::lower(&md5(&first));
        let value = |verb: &str| {
            let second = hexadecimal::lower(&md5(&[verb.as_bytes(), self.uri.as_bytes()]));
            hexadecimal::lower(&md5(&[&first, b":", &nonce, b":00000001:", own_nonce, b":auth:", &second]))
        };
        let proof = value(":");
        let mut response = Response::default();
        let mut part = |name: &str, value: &[u8]| {
            response.extend_from_slice(name.as_bytes());
            response.extend_from_slice(value);
        };
        if is_utf8 {
            part("charset=utf-8,", b"");
        }
        part("username=", &quoted(if is_utf8 { self.user.as_bytes() } else { &user }));
        part(",realm=", &quoted(&realm));
        part(",nonce=", &quoted(&nonce));
        part(",nc=00000001,cnonce=", &quoted(own_nonce));
        part(",digest-uri=", &quoted(self.uri.as_bytes()));
        part(",response=", &value("AUTHENTICATE:"));
        part(",qop=auth", b"");
        if !self.authorization.is_empty() {
            part(",authzid=", &quoted(self.authorization.as_bytes()));
        }
        let proof = proof.as_slice().try_into().map_err(|_| ExchangeError::Challenge)?;
        Ok((response, CtOutput::new(proof)))
    }
}

impl Mechanism for DigestMd5 {
    fn start(&mut self) -> Result<Option<Response>, ExchangeError> {
        self.nonce.as_ref().map(|_| None).map_err(|error| *error)
    }

    fn step(&mut self, challenge: &[u8]) -> Result<Step, ExchangeError> {
        let challenge = decode(challenge)?;
        match &self.state {
            State::Challenge => {
                let (response, proof) = self.answer(&challenge)?;
                self.state = State::Proof(proof);
                Ok(Step::Respond(response))
            }
            State::Proof(proof) => {
                let directives = directives(&challenge)?;
                let Some((b"rspauth", given)) = directives.first().map(|(name, value)| (*name, value)) else {
                    return Err(ExchangeError::Proof);
                };
                let given = given.as_slice().try_into().map_err(|_| ExchangeError::Proof)?;
                if CtOutput::new(given) != *proof {
                    return Err(ExchangeError::Proof);
                }
                self.state = State::Proven;
                Ok(Step::Respond(Response::default()))
            }
            State::Proven => Err(ExchangeError::Challenge),
        }
    }

    fn finish(&mut self) -> Result<(), ExchangeError> {
        if matches!(self.state, State::Proven) { Ok(()) } else { Err(ExchangeError::Proof) }
    }
}

/// What of a challenge counts.
struct Challenge {
    nonce: Vec<u8>,
    /// The first one offered.
    realm: Option<Vec<u8>>,
    is_utf8: bool,
}

impl Challenge {
    fn parse(challenge: &[u8]) -> Result<Self, ExchangeError> {
        if challenge.len() > LONGEST_CHALLENGE {
            return Err(ExchangeError::Challenge);
        }
        let (mut nonce, mut realm, mut algorithm, mut qop, mut is_utf8) = (None, None, None, None, false);
        for (name, value) in directives(challenge)? {
            // What may be there once is not there twice (RFC 2831 §2.1.1).
            let twice = match name.to_ascii_lowercase().as_slice() {
                b"nonce" => nonce.replace(value).is_some(),
                b"algorithm" => algorithm.replace(value).is_some(),
                b"qop" => qop.replace(value).is_some(),
                b"realm" => {
                    realm.get_or_insert(value);
                    false
                }
                b"charset" => {
                    is_utf8 |= value.eq_ignore_ascii_case(b"utf-8");
                    false
                }
                _ => false,
            };
            if twice {
                return Err(ExchangeError::Challenge);
            }
        }
        let fits = algorithm.is_some_and(|algorithm| algorithm.eq_ignore_ascii_case(b"md5-sess"))
            && qop.is_none_or(|qop| {
                qop.split(|octet| *octet == b',').any(|one| one.trim_ascii().eq_ignore_ascii_case(b"auth"))
            });
        match nonce.filter(|nonce| fits && !nonce.is_empty()) {
            Some(nonce) => Ok(Self { nonce, realm, is_utf8 }),
            None => Err(ExchangeError::Challenge),
        }
    }
}

/// A directive's name, and its value without quotes.
type Directive<'a> = (&'a [u8], Vec<u8>);

/// `name=token` and `name="string"`, separated by commas. Some servers quote what should not be, which is read too.
fn directives(text: &[u8]) -> Result<Vec<Directive<'_>>, ExchangeError> {
    let mut directives = Vec::new();
    let mut rest = text.trim_ascii();
    while let Some(first) = rest.first() {
        // An element of a list may be empty (RFC 2831 §7.1).
        if *first == b',' {
            rest = rest.get(1..).unwrap_or_default().trim_ascii_start();
            continue;
        }
        let equals = rest.iter().position(|octet| *octet == b'=').ok_or(ExchangeError::Challenge)?;
        let (name, value) = rest.split_at_checked(equals).ok_or(ExchangeError::Challenge)?;
        let value = value.get(1..).unwrap_or_default().trim_ascii_start();
        let (value, behind) = match value.strip_prefix(b"\"") {
            Some(string) => unquoted(string)?,
            None => {
                let end = value.iter().position(|octet| *octet == b',').unwrap_or(value.len());
                let (token, behind) = value.split_at_checked(end).ok_or(ExchangeError::Challenge)?;
                (token.trim_ascii().into(), behind)
            }
        };
        directives.push((name.trim_ascii(), value));
        rest = behind.trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b",") {
            return Err(ExchangeError::Challenge);
        }
    }
    Ok(directives)
}

/// A quoted string behind its first quote, and what follows it.
fn unquoted(text: &[u8]) -> Result<(Vec<u8>, &[u8]), ExchangeError> {
    let mut value = Vec::new();
    let mut octets = text.iter();
    loop {
        match octets.next() {
            Some(b'"') => return Ok((value, octets.as_slice())),
            Some(b'\\') => value.extend(octets.next()),
            Some(octet) => value.push(*octet),
            None => return Err(ExchangeError::Challenge),
        }
    }
}

fn quoted(value: &[u8]) -> Vec<u8> {
    let mut text = Vec::from(*b"\"");
    for octet in value {
        if matches!(octet, b'"' | b'\\') {
            text.push(b'\\');
        }
        text.push(*octet);
    }
    text.push(b'"');
    text
}

/// A name or a password as it is hashed: in ISO 8859-1, which is all there is without `charset=utf-8`, and which is used
/// with it too where it can be (RFC 2831 §2.1.2.1).
fn hashed(text: &str, is_utf8: bool) -> Result<Response, ExchangeError> {
    let latin1 = |character| u8::try_from(character).ok();
    if text.chars().all(|character| latin1(character).is_some()) {
        let mut octets = Zeroizing::new(Vec::with_capacity(text.len()));
        octets.extend(text.chars().filter_map(latin1));
        Ok(octets)
    } else if is_utf8 {
        Ok(Zeroizing::new(text.into()))
    } else {
        Err(ExchangeError::Credentials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64::encode;
    use crate::sasl::{context, respond};

    fn chris(nonce: &str, uri: &str) -> DigestMd5 {
        let mut digest = DigestMd5::new(&Authentication::password("chris", "secret").unwrap(), &context());
        digest.nonce = Ok(nonce.into());
        digest.uri = uri.into();
        digest
    }

    /// RFC 2831 §4, with the examples' own services and with SMTP's.
    #[test]
    fn vectors() {
        for (service, nonce, own_nonce, response, proof) in [
            (
                "smtp",
                "OA6MG9tEQGm2hh",
                "OA6MHXh6VqTrRk",
                "52ff44907f72314481b5c098c708ebf3",
                "84106ee5cb85c426e7ef928db0e49bfa",
            ),
            (
                "imap",
                "OA6MG9tEQGm2hh",
                "OA6MHXh6VqTrRk",
                "d388dad90d4bbd760a152321f2143af7",
                "ea40f60335c427b5527b84dbabcdfffd",
            ),
            (
                "acap",
                "OA9BSXrbuRhWay",
                "OA9BSuZWMSpW8m",
                "6084c6db3fede7352c551284490fd0fc",
                "2f0b3d7c3c2e486600ef710726aa2eae",
            ),
        ] {
            let challenge = alloc::format!(
                "realm=\"elwood.innosoft.com\",nonce=\"{nonce}\",qop=\"auth\",algorithm=md5-sess,charset=utf-8"
            );
            let mut digest = chris(own_nonce, &alloc::format!("{service}/elwood.innosoft.com"));
            assert_eq!(digest.start(), Ok(None));
            let answer = respond(&mut digest, &encode(challenge.as_bytes())).unwrap();
            assert_eq!(
                String::from_utf8(answer).unwrap(),
                alloc::format!(
                    "charset=utf-8,username=\"chris\",realm=\"elwood.innosoft.com\",nonce=\"{nonce}\",nc=00000001,\
                     cnonce=\"{own_nonce}\",digest-uri=\"{service}/elwood.innosoft.com\",response={response},qop=auth"
                )
            );
            assert_eq!(digest.finish(), Err(ExchangeError::Proof), "success without the server's proof");
            assert_eq!(
                respond(&mut digest, b"cnNwYXV0aD1mZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZm"),
                Err(ExchangeError::Proof)
            );
            let proof = encode(alloc::format!("rspauth={proof}").as_bytes());
            assert_eq!(respond(&mut digest, &proof).unwrap(), b"");
            assert_eq!(digest.finish(), Ok(()));
            assert_eq!(respond(&mut digest, &proof), Err(ExchangeError::Challenge), "a second proof");
        }
    }

    #[test]
    fn challenges_that_do_not_fit() {
        for challenge in [
            "",
            "nonce=\"x\"",
            "nonce=\"x\",algorithm=md5",
            "nonce=\"x\",nonce=\"y\",algorithm=md5-sess",
            "nonce=\"x\",algorithm=md5-sess,algorithm=md5-sess",
            "nonce=\"x\",algorithm=md5-sess,qop=\"auth-int,auth-conf\"",
            "nonce=\"\",algorithm=md5-sess",
            "nonce=\"x,algorithm=md5-sess",
            "nonce=\"x\"y,algorithm=md5-sess",
            "nonce",
            &alloc::format!("nonce=\"{}\",algorithm=md5-sess", "x".repeat(2048)),
        ] {
            let mut digest = chris("o", "h");
            let encoded = encode(challenge.as_bytes());
            assert_eq!(respond(&mut digest, &encoded), Err(ExchangeError::Challenge), "{challenge}");
        }
    }

    /// Servers quote what they should not, and leave out what they may.
    #[test]
    fn challenges_as_they_are() {
        for challenge in [
            "nonce=\"x\",algorithm=\"md5-sess\",charset=\"utf-8\",qop=\"auth\"",
            ",realm=\"a\\\"b\",, nonce = \"x\" , qop=\"auth-int, auth\" , algorithm=md5-sess ,cipher=\"rc4,des\"",
        ] {
            let mut digest = chris("o", "h");
            assert!(respond(&mut digest, &encode(challenge.as_bytes())).is_ok(), "{challenge}");
        }
    }
}
