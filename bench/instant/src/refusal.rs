//! Why a command, or one of its statements, is not executed.

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A later transaction number of this session is known.
    TooOld,
    /// A write that names no id, or several.
    NoId,
    /// A document with this id is there, but the filter of an upsert does not match it.
    Duplicate,
    NoCommand(String),
    /// This server knows little.
    Unknown(&'static str, String),
}

impl Refusal {
    pub fn unknown(what: &'static str, name: &[u8]) -> Self {
        Refusal::Unknown(what, String::from_utf8_lossy(name).into_owned())
    }

    /// As MongoDB numbers them.
    pub fn code(&self) -> i32 {
        match self {
            Refusal::TooOld => 225,
            Refusal::NoId | Refusal::Unknown(..) => 2,
            Refusal::Duplicate => 11000,
            Refusal::NoCommand(_) => 59,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Refusal::TooOld => "TransactionTooOld",
            Refusal::NoId | Refusal::Unknown(..) => "BadValue",
            Refusal::Duplicate => "DuplicateKey",
            Refusal::NoCommand(_) => "CommandNotFound",
        }
    }

    pub fn message(&self) -> String {
        match self {
            Refusal::TooOld => "a later transaction number of this session is known".into(),
            Refusal::NoId => "the benchmark's server writes by one `_id` only".into(),
            Refusal::Duplicate => "E11000 duplicate key".into(),
            Refusal::NoCommand(name) => format!("the benchmark's server has no command {name}"),
            Refusal::Unknown(what, name) => {
                format!("the benchmark's server knows no {what} {name}")
            }
        }
    }
}
