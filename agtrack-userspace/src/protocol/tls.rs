//! The first message of each side of a TLS connection (RFC 8446, 5246), in as many records as it
//! comes in. It is the only one that is not encrypted; its extensions are read one by one, so that
//! one that is wrong, or unknown, hides no other.

use tls_parser::{
    MAX_RECORD_LEN, SNIType, TlsExtension, TlsRecordType, TlsVersion,
    parse_tls_extension_alpn_content, parse_tls_extension_sni_content,
    parse_tls_extension_supported_versions, parse_tls_extension_unknown,
    parse_tls_handshake_client_hello, parse_tls_handshake_server_hello, parse_tls_record_header,
};

use super::stream::{Step, Then};
use super::{Flow, Found};
use crate::record::{Object, Side, Text, TlsHello};

/// Numbers of messages.
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
/// Numbers of extensions.
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
const ENCRYPTED_SERVER_NAME: u16 = 0xffce;

/// Bytes kept of the name: a name has 255 at most.
const NAME: usize = 512;
/// Protocols that are kept.
const PROTOCOLS: usize = 16;
/// A record's header.
const HEADER: usize = 5;

/// Whether a record with a hello begins so.
pub(super) fn begins(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0x16, 3, 0..=4, _, _, CLIENT_HELLO | SERVER_HELLO, ..]
    )
}

/// Whether one may begin so.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    match bytes {
        [] | [0x16] | [0x16, 3] => true,
        [0x16, 3, 0..=4, rest @ ..] => rest.len() < 3,
        _ => false,
    }
}

pub(super) fn read(data: &[u8], flow: Flow, cut: bool) -> Step {
    let Some(hello) = joined(data) else {
        return Step::Not;
    };
    let Some(([side, length @ ..], body)) = hello.split_first_chunk::<4>() else {
        return if cut { Step::Not } else { Step::More };
    };
    let [high, middle, low] = *length;
    let length = u32::from_be_bytes([0, high, middle, low]) as usize;
    let truncated = body.len() < length;
    let body = body.get(..length).unwrap_or(body);
    let read = match *side {
        _ if truncated && !cut => return Step::More,
        CLIENT_HELLO => client(body),
        SERVER_HELLO => server(body),
        _ => None,
    };
    match read {
        Some(hello) => Step::Done(Some(found(hello, flow, truncated)), Then::Nothing),
        None => Step::Not,
    }
}

/// The first handshake message, out of its records; `None` where they hold something else.
fn joined(mut data: &[u8]) -> Option<Vec<u8>> {
    let mut joined = Vec::new();
    while data.len() >= HEADER {
        let (rest, header) = parse_tls_record_header(data).ok()?;
        let is_hello = header.record_type == TlsRecordType::Handshake;
        if !is_hello || header.len == 0 || header.len > MAX_RECORD_LEN {
            // Behind a whole message that is not of interest.
            return is_whole(&joined).then_some(joined);
        }
        let length = usize::from(header.len).min(rest.len());
        let (record, behind) = rest.split_at(length);
        joined.extend_from_slice(record);
        data = behind;
    }
    Some(joined)
}

fn is_whole(message: &[u8]) -> bool {
    match message.split_first_chunk::<4>() {
        Some(([_, high, middle, low], body)) => {
            body.len() >= u32::from_be_bytes([0, *high, *middle, *low]) as usize
        }
        None => false,
    }
}

/// What a hello says.
#[derive(Debug)]
struct Hello {
    side: Side,
    legacy: TlsVersion,
    names: Names,
}

/// What its extensions say.
#[derive(Debug, Default)]
struct Names {
    server_name: Option<Vec<u8>>,
    alpn: Vec<Text>,
    versions: Vec<TlsVersion>,
    ech: bool,
    truncated: bool,
}

fn client(body: &[u8]) -> Option<Hello> {
    let (rest, hello) = parse_tls_handshake_client_hello(body).ok()?;
    // Extensions that are cut stand behind what was read, with their length before them.
    let extensions = hello.ext.or_else(|| rest.get(2..)).unwrap_or_default();
    Some(Hello {
        side: Side::Client,
        legacy: hello.version,
        names: names(extensions),
    })
}

fn server(body: &[u8]) -> Option<Hello> {
    let (rest, hello) = parse_tls_handshake_server_hello(body).ok()?;
    let extensions = hello.ext.or_else(|| rest.get(2..)).unwrap_or_default();
    Some(Hello {
        side: Side::Server,
        legacy: hello.version,
        names: names(extensions),
    })
}

fn names(mut extensions: &[u8]) -> Names {
    let mut names = Names::default();
    while let Ok((rest, TlsExtension::Unknown(kind, content))) =
        parse_tls_extension_unknown(extensions)
    {
        match kind.0 {
            SERVER_NAME => names.server_name(content),
            ALPN => names.protocols(content),
            SUPPORTED_VERSIONS => {
                if let Ok((_, TlsExtension::SupportedVersions(versions))) =
                    parse_tls_extension_supported_versions(extensions)
                {
                    names.versions = versions;
                }
            }
            ENCRYPTED_CLIENT_HELLO | ENCRYPTED_SERVER_NAME => names.ech = true,
            _ => {}
        }
        extensions = rest;
    }
    names
}

impl Names {
    fn server_name(&mut self, content: &[u8]) {
        let Ok((_, TlsExtension::SNI(list))) = parse_tls_extension_sni_content(content) else {
            return;
        };
        let host = list
            .into_iter()
            .find(|(kind, _)| *kind == SNIType::HostName);
        if let (Some((_, name)), None) = (host, &self.server_name) {
            self.truncated |= name.len() > NAME;
            self.server_name = Some(name.get(..NAME).unwrap_or(name).to_vec());
        }
    }

    fn protocols(&mut self, content: &[u8]) {
        let Ok((_, TlsExtension::ALPN(list))) = parse_tls_extension_alpn_content(content) else {
            return;
        };
        // Numbers that test whether a server takes any say nothing (RFC 8701).
        let real = list.iter().filter(|name| !is_grease_name(name));
        let mut real = real.map(|name| Text(name.to_vec()));
        self.alpn = real.by_ref().take(PROTOCOLS).collect();
        self.truncated |= real.next().is_some();
    }
}

fn is_grease_name(name: &[u8]) -> bool {
    matches!(name, [first, second] if first == second && first & 0x0f == 0x0a)
}

/// The highest one that there is.
fn version(hello: &Hello) -> String {
    let real = hello.names.versions.iter().map(|version| version.0);
    let known = real.filter(|version| (0x0300..=0x0304).contains(version));
    match known.max().unwrap_or(hello.legacy.0) {
        0x0304 => "1.3".to_owned(),
        0x0303 => "1.2".to_owned(),
        0x0302 => "1.1".to_owned(),
        0x0301 => "1.0".to_owned(),
        0x0300 => "SSL 3.0".to_owned(),
        other => format!("0x{other:04x}"),
    }
}

fn found(hello: Hello, flow: Flow, truncated: bool) -> Box<Found> {
    let tls_version = version(&hello);
    let Hello { side, names, .. } = hello;
    let outer = names.ech && names.server_name.is_some();
    Box::new(Found {
        action: "net.tls_hello",
        truncated: truncated || names.truncated,
        notes: if outer {
            vec!["outer_server_name"]
        } else {
            Vec::new()
        },
        object: Object::Tls(TlsHello {
            peer: flow.peer(),
            direction: flow.direction(),
            hello: side,
            server_name: names.server_name.map(Text),
            alpn: names.alpn,
            tls_version,
            ech: names.ech,
        }),
    })
}
