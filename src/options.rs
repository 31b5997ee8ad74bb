//! What a store needs to know, checked once.

use std::future::IntoFuture;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use mongodb::error::ErrorKind;
use mongodb::options::{
    ClientOptions, ConnectionString, HostInfo, ServerAddress, ServerApi, ServerApiVersion,
};

use crate::error::{Code, Failure};
use crate::seal::Sealer;
use crate::seal::ids::IdHasher;

/// As in the official driver for Node.
pub const DEFAULT_MAX_POOL_SIZE: u32 = 100;

#[derive(Debug, Clone)]
pub struct Options {
    pub connection_string: ConnectionString,
    pub database: String,
    pub collection: String,
    /// How long an operation may take as a whole.
    pub timeout: Duration,
    /// How long an operation waits while no server can be reached.
    pub server_selection_timeout: Duration,
    pub server_api: Option<ServerApi>,
    /// A touch that gains less than this is not written.
    pub touch_after: Duration,
    /// Whether a session keeps when it was made.
    pub timestamps: bool,
    pub auto_remove: AutoRemove,
    /// Paths in `data`, each to have an index.
    pub indexes: Vec<String>,
    /// What encrypts the sessions, if they are to be encrypted.
    pub sealer: Option<Arc<Sealer>>,
    /// What hashes ids, if they are to be hashed.
    pub ids: Option<Arc<IdHasher>>,
}

/// Who removes sessions that have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoRemove {
    /// MongoDB, by an index that the store makes.
    Native,
    /// The store, this often.
    Interval(Duration),
    /// Somebody else.
    Disabled,
}

impl Options {
    /// Fails with `ERR_OPTIONS` where the driver cannot use the connection string. Resolves no
    /// name and opens no connection.
    pub fn new(
        connection_string: &str,
        database: String,
        collection: String,
        timeout_ms: f64,
    ) -> Result<Self, Failure> {
        let connection_string = ConnectionString::parse(connection_string).map_err(refusal)?;
        check(&connection_string)?;
        let server_selection_timeout = connection_string.server_selection_timeout;
        let timeout = Duration::from_millis(timeout_ms as u64);
        Ok(Options {
            server_selection_timeout: server_selection_timeout.unwrap_or(timeout),
            connection_string,
            database,
            collection,
            timeout,
            server_api: None,
            touch_after: Duration::ZERO,
            timestamps: false,
            auto_remove: AutoRemove::Native,
            indexes: Vec::new(),
            sealer: None,
            ids: None,
        })
    }

    /// Connections to one server, as the driver counts them; `0` in a string is no limit.
    pub fn max_pool_size(&self) -> usize {
        match self.connection_string.max_pool_size {
            None | Some(0) => DEFAULT_MAX_POOL_SIZE as usize,
            Some(most) => most as usize,
        }
    }

    /// The Stable API that every command declares.
    pub fn set_server_api(
        &mut self,
        version: &str,
        strict: Option<bool>,
        deprecation_errors: Option<bool>,
    ) -> Result<(), Failure> {
        let version = ServerApiVersion::from_str(version)
            .map_err(|_| Failure::new(Code::Options, "the version of the Stable API is unknown"))?;
        let mut server_api = ServerApi::builder().version(version).build();
        server_api.strict = strict;
        server_api.deprecation_errors = deprecation_errors;
        self.server_api = Some(server_api);
        Ok(())
    }
}

/// Finds what contradicts itself. Where DNS has yet to say the hosts, one stands for them.
fn check(connection_string: &ConnectionString) -> Result<(), Failure> {
    let mut connection_string = connection_string.clone();
    if let HostInfo::DnsRecord(_) = connection_string.host_info {
        connection_string.host_info = HostInfo::HostIdentifiers(vec![ServerAddress::default()]);
    }
    match ClientOptions::parse(connection_string)
        .into_future()
        .now_or_never()
    {
        Some(Err(error)) => Err(refusal(error)),
        Some(Ok(_)) | None => Ok(()),
    }
}

/// The driver's words about a connection string, unless they repeat credentials.
fn refusal(error: mongodb::error::Error) -> Failure {
    let problem = match error.kind.as_ref() {
        ErrorKind::InvalidArgument { message, .. } if !message.contains("://") => message,
        _ => "it is malformed",
    };
    let message = format!("the connection string cannot be used: {problem}");
    Failure::new(Code::Options, message)
}

#[cfg(test)]
mod tests {
    //! What the driver makes of a connection string as `lib/options/uri.js` writes it.

    use mongodb::options::{
        Acknowledgment, AuthMechanism, Compressor, ReadPreference, SelectionCriteria,
        ServerMonitoringMode, Tls,
    };

    use super::*;

    fn read(uri: &str) -> ClientOptions {
        let connection_string = ConnectionString::parse(uri).unwrap();
        let parsing = ClientOptions::parse(connection_string).into_future();
        parsing.now_or_never().unwrap().unwrap()
    }

    fn refused(uri: &str) -> String {
        let options = Options::new(uri, "app".to_owned(), "sessions".to_owned(), 1000.0);
        options.unwrap_err().message
    }

    #[test]
    fn hosts_are_those_of_the_string() {
        let options = read("mongodb://a:27017,[::1]:27018,%2Ftmp%2Fm.sock/");
        let hosts: Vec<_> = options.hosts.iter().map(ToString::to_string).collect();
        assert_eq!(hosts, ["a:27017", "::1:27018", "/tmp/m.sock"]);
        assert!(options.credential.is_none());
        assert!(options.tls.is_none());
    }

    #[test]
    fn credentials_are_decoded() {
        let uri = "mongodb://us%40er:p%40ss%3Aw%2Frd%25%3F%23%C3%A9@a:1/?authSource=app.x";
        let credential = read(uri).credential.unwrap();
        assert_eq!(credential.username.as_deref(), Some("us@er"));
        assert_eq!(credential.password.as_deref(), Some("p@ss:w/rd%?#é"));
        assert_eq!(credential.source.as_deref(), Some("app.x"));
        assert_eq!(credential.mechanism, None);
        let external = "mongodb://a:1/?authMechanism=MONGODB-X509&authSource=%24external&tls=true";
        let credential = read(external).credential.unwrap();
        assert_eq!(credential.mechanism, Some(AuthMechanism::MongoDbX509));
        assert_eq!(credential.source.as_deref(), Some("$external"));
    }

    #[test]
    fn settings_are_those_of_the_string() {
        let options = read(
            "mongodb://a:1/?appName=a%20%26%20b&replicaSet=rs&retryWrites=false&w=3&journal=true\
             &wtimeoutMS=5&maxPoolSize=2147483647&minPoolSize=2&maxIdleTimeMS=7\
             &compressors=snappy,zlib&zlibCompressionLevel=9&serverMonitoringMode=poll\
             &proxyHost=p&proxyPort=1080&proxyUsername=u&proxyPassword=%26\
             &tls=true&tlsCAFile=%2Fca%20%26.pem&tlsAllowInvalidCertificates=true",
        );
        assert_eq!(options.app_name.as_deref(), Some("a & b"));
        assert_eq!(options.repl_set_name.as_deref(), Some("rs"));
        assert_eq!(options.retry_writes, Some(false));
        let concern = options.write_concern.unwrap();
        assert_eq!(concern.w, Some(Acknowledgment::Nodes(3)));
        assert_eq!(concern.journal, Some(true));
        assert_eq!(concern.w_timeout, Some(Duration::from_millis(5)));
        assert_eq!(options.max_pool_size, Some(2_147_483_647));
        assert_eq!(options.min_pool_size, Some(2));
        assert_eq!(options.max_idle_time, Some(Duration::from_millis(7)));
        let compressors = [Compressor::Snappy, Compressor::Zlib { level: Some(9) }];
        assert_eq!(options.compressors.as_deref(), Some(&compressors[..]));
        assert_eq!(
            options.server_monitoring_mode,
            Some(ServerMonitoringMode::Poll)
        );
        let proxy = options.socks5_proxy.unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("p", Some(1080)));
        let secret = ("u".to_owned(), "&".to_owned());
        assert_eq!(proxy.authentication, Some(secret));
        let Some(Tls::Enabled(tls)) = options.tls else {
            panic!("TLS is off");
        };
        assert_eq!(tls.ca_file_path, Some("/ca &.pem".into()));
        assert_eq!(tls.allow_invalid_certificates, Some(true));
    }

    #[test]
    fn a_read_preference_has_its_tags_in_order() {
        let options = read(
            "mongodb://a:1/?readPreference=secondary&readPreferenceTags=dc%3Any%2Crack%3A1\
             &readPreferenceTags=&maxStalenessSeconds=120",
        );
        let Some(SelectionCriteria::ReadPreference(ReadPreference::Secondary {
            options: Some(options),
        })) = options.selection_criteria
        else {
            panic!("another read preference");
        };
        let tags = options.tag_sets.unwrap();
        let first = [("dc", "ny"), ("rack", "1")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(tags, [first.into(), Default::default()]);
        assert_eq!(options.max_staleness, Some(Duration::from_secs(120)));
    }

    #[test]
    fn what_contradicts_itself_is_refused_before_dns_is_asked() {
        for contradiction in [
            "directConnection=true",
            "loadBalanced=true&replicaSet=rs",
            "srvMaxHosts=2&replicaSet=rs",
            "readPreferenceTags=a%3Ab",
            "proxyPort=1080",
        ] {
            let message = refused(&format!("mongodb+srv://a.example.com/?{contradiction}"));
            assert!(!message.contains("malformed"), "{contradiction}: {message}");
        }
    }

    #[test]
    fn a_refusal_shows_no_password() {
        for uri in ["mongodb://u:secret@a:0/", "mongodb://u:secret%@a:1/"] {
            assert!(!refused(uri).contains("secret"));
        }
    }
}
