//! Hosts behind TLS, believed or not.

use super::*;
use crate::fetch::FetchError;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread::JoinHandle;

/// Tells a test that its folder with a certificate is trusted by its environment.
const FOLDER: &str = "NEARSIDE_TEST_CERTIFICATE";

/// Writes a certificate for this device that nobody has signed, and its key.
fn write_certificate(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("certificate.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
}

/// Answers one request with all of `bytes`; the port, and whether the client took it.
fn serve(folder: &Path, bytes: Vec<u8>) -> (u16, JoinHandle<bool>) {
    let certificate = CertificateDer::from_pem_file(folder.join("certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = move || {
        let tls = ServerConnection::new(Arc::new(config)).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(tls, stream);
        let asked = BufReader::new(&mut stream).lines().map_while(Result::ok);
        if asked.take_while(|line| !line.is_empty()).count() == 0 {
            return false;
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&bytes)).is_ok()
    };
    let server = std::thread::Builder::new().name("server".to_owned()).spawn(answer);
    (port, server.unwrap())
}

#[test]
fn a_host_that_nobody_vouches_for_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    write_certificate(folder.path());
    let (port, server) = serve(folder.path(), Vec::new());
    let failure = Listener::start(&format!("https://127.0.0.1:{port}/")).failure();
    assert_eq!(failure, SourceError::Network(FetchError::Certificate));
    assert!(!server.join().unwrap(), "it was asked");
}

/// Runs itself again in an environment that trusts the certificate.
#[test]
fn a_host_that_the_system_trusts_is_believed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        let folder = tempfile::tempdir().unwrap();
        write_certificate(folder.path());
        let this = "fetch::tests::encryption::a_host_that_the_system_trusts_is_believed";
        let output = Command::new(std::env::current_exe().unwrap())
            .args([this, "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .env("SSL_CERT_FILE", folder.path().join("certificate.pem"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        return;
    };
    let clip = clip(1, &format!("{H264_AAC} -movflags +faststart"));
    let (port, server) = serve(Path::new(&folder), clip.bytes.clone());
    let listener = Listener::start(&format!("https://127.0.0.1:{port}/"));
    let frames = listener.read(TrackKind::Video).unwrap();
    assert_same(&frames, &packets(&clip, 0), "encrypted");
    assert!(server.join().unwrap());
}
