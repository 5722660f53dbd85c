//! TLS between both ends, with a certificate that only this test run knows.

use anyhow::Context as _;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const NAME: &str = "localhost";

/// Both ends' settings: the client trusts this server and no other.
#[derive(Clone)]
pub struct Identity {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Identity {
    /// Draws a key and signs a certificate with it.
    ///
    /// # Errors
    /// The machine gives no random numbers.
    pub fn generate() -> anyhow::Result<Self> {
        let own = rcgen::generate_simple_self_signed([NAME.to_owned()]).context("a certificate")?;
        let key = PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
        let certificate = own.cert.der().clone();
        let mut trusted = RootCertStore::empty();
        trusted.add(certificate.clone())?;
        let provider: Arc<CryptoProvider> = Arc::new(default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        Ok(Self { server: Arc::new(server), client: Arc::new(client) })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.server))
    }

    pub(crate) fn connector(&self) -> TlsConnector {
        TlsConnector::from(Arc::clone(&self.client))
    }

    pub(crate) fn name() -> anyhow::Result<ServerName<'static>> {
        ServerName::try_from(NAME).context("the server's name")
    }
}
