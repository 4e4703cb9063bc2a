//! A way to receivers by TLS, for tests: it asks for certificates.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// An authority, what it signed for us, and another one that nobody trusts.
pub(in crate::sink) struct Keys {
    directory: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Keys {
    pub(in crate::sink) fn new() -> Keys {
        let keys = Keys {
            directory: TempDir::new().unwrap(),
            authority: authority(),
        };
        let (cert, key) = keys.issue("agtrack-host");
        keys.write("ca", &keys.authority.pem());
        keys.write("other", &authority().pem());
        keys.write("cert", &cert.pem());
        keys.write("key", &key.serialize_pem());
        keys.write("password", "right");
        keys.write("wrong", "hunter2");
        keys
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let asked = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (asked.signed_by(&key, &self.authority).unwrap(), key)
    }

    /// Where one of them is.
    pub(in crate::sink) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Passes on what comes by TLS to a port of this machine, where it says that it speaks this (ALPN); its
    /// own port.
    pub(in crate::sink) async fn front(&self, behind: u16, speaks: Option<&'static str>) -> u16 {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let provider = Arc::new(default_provider());
        let asks = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let (cert, key) = self.issue("127.0.0.1");
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(asks.build().unwrap())
            .with_single_cert(
                vec![cert.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        config.alpn_protocols = speaks.iter().map(|word| word.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await?;
                    let spoken = stream.get_ref().1.alpn_protocol();
                    if spoken != speaks.map(str::as_bytes) {
                        return Err(std::io::ErrorKind::ConnectionReset.into());
                    }
                    let mut cluster = TcpStream::connect(("127.0.0.1", behind)).await?;
                    tokio::io::copy_bidirectional(&mut stream, &mut cluster).await
                });
            }
        });
        port
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}
