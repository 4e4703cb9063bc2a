//! TLS as a client: whom to trust, and who we are.

#[cfg(test)]
pub(super) mod front;

use std::io;
use std::path::Path;
use std::sync::Arc;

use data_encoding::BASE64;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::secret::Secret;
use super::settings::Settings;
use super::transport::Trouble;

/// Where distributions keep the authorities that they trust.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// How TLS connections are made.
pub(super) struct Tls {
    connector: TlsConnector,
    server: ServerName<'static>,
}

impl Tls {
    /// With the keys of the settings; `host` is who should answer where they do not say.
    pub(super) fn new(settings: &Settings, host: &str) -> Result<Tls, Trouble> {
        let name = settings.server_name.as_deref().unwrap_or(host);
        let server = ServerName::try_from(name.to_owned()).map_err(|_| {
            Trouble::Misconfigured(format!("`{name}` is no name that a certificate can have"))
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(misconfigured)?
            .with_root_certificates(roots(settings.ca_file.as_ref())?);
        let config = match (&settings.cert_file, &settings.key_file) {
            (Some(cert), Some(key)) => {
                let chain = certificates(cert)?;
                let bytes = key.read()?;
                // Not the parser's words: they could hold what it found.
                let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
                    Trouble::Misconfigured(format!("{key} holds no private key in PEM"))
                })?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(misconfigured)?
            }
            (None, None) => builder.with_no_client_auth(),
            _ => {
                return Err(Trouble::Misconfigured(
                    "`cert_file` and `key_file` go together; give both or none".to_owned(),
                ));
            }
        };
        Ok(Tls {
            connector: TlsConnector::from(Arc::new(config)),
            server,
        })
    }

    /// Says while it greets what is spoken afterwards (ALPN).
    pub(super) fn speaking(self, protocol: &str) -> Tls {
        let mut config = self.config().clone();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Tls {
            connector: TlsConnector::from(Arc::new(config)),
            ..self
        }
    }

    /// For those who make their connections themselves.
    pub(super) fn config(&self) -> &ClientConfig {
        self.connector.config()
    }

    /// Greets the other side.
    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.server.clone(), stream).await
    }
}

fn misconfigured(error: impl std::fmt::Display) -> Trouble {
    Trouble::Misconfigured(format!("TLS cannot be set up: {error}"))
}

/// Where the authorities that are trusted are kept.
fn bundle(own: Option<&Secret>) -> Result<Secret, Trouble> {
    Ok(match own {
        Some(own) => own.clone(),
        None => {
            let bundle = BUNDLES.iter().find(|path| Path::new(path).exists());
            let bundle = bundle.ok_or_else(|| {
                Trouble::Misconfigured(
                    "this host has no list of trusted authorities; install ca-certificates, or name one \
                     in `ca_file`"
                        .to_owned(),
                )
            })?;
            Secret::File(bundle.into())
        }
    })
}

/// The authorities that are trusted, as PEM, for clients that want it so: those that are fit, as clients
/// take no others.
pub(super) fn authorities(own: Option<&Secret>) -> Result<Vec<u8>, Trouble> {
    let mut pem = String::new();
    for certificate in certificates(&bundle(own)?)? {
        if RootCertStore::empty().add(certificate.clone()).is_ok() {
            let text = BASE64.encode(&certificate);
            pem.push_str(&format!(
                "-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"
            ));
        }
    }
    Ok(pem.into_bytes())
}

fn roots(own: Option<&Secret>) -> Result<RootCertStore, Trouble> {
    let place = bundle(own)?;
    let mut store = RootCertStore::empty();
    // Bundles of distributions hold some that are unfit by today's rules.
    let (added, _) = store.add_parsable_certificates(certificates(&place)?);
    if added == 0 {
        return Err(Trouble::Misconfigured(format!(
            "{place} holds no certificate of an authority in PEM"
        )));
    }
    Ok(store)
}

fn certificates(place: &Secret) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    let bytes = place.read()?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Trouble::Misconfigured(format!(
            "{place} holds no certificate in PEM"
        ))),
    }
}

/// Whether a connection failed for what only a person can put right: certificates.
pub(super) fn is_about_certificates(error: &io::Error) -> bool {
    use rustls::AlertDescription as Alert;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => true,
        Some(rustls::Error::AlertReceived(alert)) => matches!(
            *alert,
            Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
        ),
        _ => false,
    }
}
