//! TLS: what is wrong with its files, and what went wrong between the driver and a server.

use std::path::Path;

use mongodb::options::{ClientOptions, Tls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, Error};

use crate::error::{Code, Failure};

/// What the connection asks of TLS.
#[derive(Clone, Copy)]
pub enum Asked {
    Off,
    On {
        /// `tlsCAFile`
        own_authority: bool,
        /// `tlsCertificateKeyFile`
        client_certificate: bool,
    },
}

impl Asked {
    /// Why a server may have closed a connection that it had never answered on.
    pub fn if_closed(self) -> &'static str {
        match self {
            Asked::Off => ", as servers do that expect TLS (`tls=true`)",
            Asked::On {
                client_certificate: false,
                ..
            } => {
                ", as servers do that expect a client certificate (`tlsCertificateKeyFile`), or no \
                 TLS"
            }
            Asked::On { .. } => ", as servers do that expect no TLS",
        }
    }
}

pub fn cause(error: &Error, asked: Asked) -> String {
    let problem = match error {
        Error::InvalidCertificate(problem) => return certificate(problem, asked),
        Error::AlertReceived(alert) => return of_alert(*alert, asked).into(),
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. } => {
            "it does not speak TLS: a MongoDB without it, or another program"
        }
        Error::PeerIncompatible(_) => {
            "it has no version (1.2 or 1.3) or cipher in common with this store"
        }
        Error::NoCertificatesPresented => "it has no certificate",
        _ => "the connection broke",
    };
    format!("TLS: {problem}")
}

fn certificate(problem: &CertificateError, asked: Asked) -> String {
    use CertificateError::*;
    let own_authority = matches!(
        asked,
        Asked::On {
            own_authority: true,
            ..
        }
    );
    let problem = match problem {
        UnknownIssuer if own_authority => "is from none of the authorities in `tlsCAFile`",
        UnknownIssuer => {
            "is from no well-known authority: name that authority's certificate with `tlsCAFile` \
             (NODE_EXTRA_CA_CERTS is for Node alone)"
        }
        Expired | ExpiredContext { .. } => "has expired",
        NotValidYet | NotValidYetContext { .. } => "is not valid yet",
        NotValidForName => "is not for this host name",
        NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "names no host: it needs a subjectAltName, its CN does not count"
        }
        NotValidForNameContext { presented, .. } => {
            return format!(
                "TLS: its certificate is for other host names: {}",
                presented.join(", ")
            );
        }
        InvalidPurpose | InvalidPurposeContext { .. } => {
            "is not for servers (extendedKeyUsage has no serverAuth)"
        }
        BadEncoding => "is malformed",
        BadSignature => "was not signed by the authority that it names",
        UnsupportedSignatureAlgorithmContext { .. }
        | UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is signed or made in a way that is not accepted any more, such as SHA-1"
        }
        // As webpki, which rustls asks, names its errors.
        Other(other) => match other.to_string().as_str() {
            "CaUsedAsEndEntity" => {
                "is that of an authority (CA:TRUE), as self-signed ones mostly are: a server needs \
                 one of its own, with the basicConstraints CA:FALSE"
            }
            "UnsupportedCertVersion" => "is of X.509 version 1, not 3",
            _ => "is not accepted",
        },
        _ => "is not accepted",
    };
    format!("TLS: its certificate {problem}")
}

/// What the server says before it ends the connection.
fn of_alert(alert: AlertDescription, asked: Asked) -> &'static str {
    use AlertDescription::*;
    let shown = matches!(
        asked,
        Asked::On {
            client_certificate: true,
            ..
        }
    );
    match (alert, shown) {
        (CertificateRequired, _) | (HandshakeFailure, false) => {
            "TLS: it wants a client certificate (`tlsCertificateKeyFile`)"
        }
        (CertificateExpired, _) => "TLS: it says that the client certificate has expired",
        (
            BadCertificate
            | UnsupportedCertificate
            | CertificateRevoked
            | CertificateUnknown
            | UnknownCA
            | AccessDenied
            | DecryptError
            | HandshakeFailure,
            true,
        ) => "TLS: it does not accept the client certificate (`tlsCertificateKeyFile`)",
        (ProtocolVersion, _) => "TLS: it has neither version 1.2 nor 1.3",
        (UnrecognisedName, _) => "TLS: it does not know itself by this host name",
        _ => "TLS: it ended the connection",
    }
}

/// The driver would only say of these files that no server can be reached, or nothing at all.
pub fn check(options: &ClientOptions) -> Result<(), Failure> {
    let Some(Tls::Enabled(options)) = &options.tls else {
        return Ok(());
    };
    if let Some(path) = &options.ca_file_path {
        read("tlsCAFile", path, |pem| {
            let mut certificates = CertificateDer::pem_slice_iter(pem);
            let first = certificates.next().and_then(Result::ok);
            first.map(drop).ok_or("has no certificate in PEM")
        })?;
    }
    if let Some(path) = &options.cert_key_file_path {
        read("tlsCertificateKeyFile", path, |pem| {
            let mut certificates = CertificateDer::pem_slice_iter(pem);
            let first = certificates.next().and_then(Result::ok);
            first.ok_or("has no certificate in PEM")?;
            let key = PrivateKeyDer::from_pem_slice(pem);
            key.map(drop)
                .map_err(|_| "has no private key in PEM, or an encrypted one")
        })?;
    }
    Ok(())
}

fn read(
    option: &str,
    path: &Path,
    look: impl FnOnce(&[u8]) -> Result<(), &'static str>,
) -> Result<(), Failure> {
    let failure = |problem: &str| {
        let message = format!("the file that `{option}` names {problem}");
        Failure::new(Code::Options, message)
    };
    let pem = std::fs::read(path).map_err(|error| Failure {
        cause: Some(error.to_string()),
        ..failure("cannot be read")
    })?;
    look(&pem).map_err(failure)
}
