//! What can go wrong between a client and AWS.

use std::time::Duration;

use super::actions::{Action, Service};

/// What to break, and how often.
#[derive(Debug, Clone)]
pub struct Faults {
    /// Equal seeds break equal requests.
    pub seed: u64,
    /// The share of requests to break, 0 to 1.
    pub rate: f64,
    /// Of these, as far as they fit the request, all are equally likely.
    pub kinds: Vec<Fault>,
}

/// One way to break a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Answered with 500, and not passed on.
    InternalError,
    /// Answered with 503, and not passed on.
    SlowDown,
    /// Answered with `ProvisionedThroughputExceededException`, and not passed on; DynamoDB only.
    ThroughputExceeded,
    /// Answered with `ThrottlingException`, and not passed on; DynamoDB only.
    Throttling,
    /// Answered with a conflict on the first item of the transaction, and not passed on; transactions only.
    TransactionConflict,
    /// The connection is reset before anything is passed on.
    ResetBefore,
    /// The connection is reset when half of the body is passed on.
    ResetInBody,
    /// Everything is passed on, and the connection reset instead of a reply.
    LostReply,
    /// Everything is passed on, and the connection reset in the middle of the reply.
    CutReply,
    /// Everything is passed on, after this time.
    Delay(Duration),
    /// Everything is passed on, with one bit of the body turned over; objects and parts only.
    FlipBit,
    /// Answered with 501 if it is a conditional write, and not passed on; objects only.
    NoConditions,
    /// Answered with 403 and not passed on; S3 only.
    Forbidden,
    /// Everything is passed on, once it is [let go](super::AwsProxy::let_go).
    Hold,
}

impl Fault {
    fn fits(self, action: &Action) -> bool {
        match self {
            Self::ThroughputExceeded | Self::Throttling => action.service == Service::DynamoDb,
            Self::TransactionConflict => action.name == "TransactWriteItems",
            Self::NoConditions | Self::Forbidden => action.service == Service::S3,
            Self::FlipBit => matches!(&*action.name, "PutObject" | "UploadPart"),
            Self::InternalError
            | Self::SlowDown
            | Self::ResetBefore
            | Self::ResetInBody
            | Self::LostReply
            | Self::CutReply
            | Self::Delay(_)
            | Self::Hold => true,
        }
    }

    /// The status and the body of the answer, if there is one without passing anything on.
    pub(super) fn answer(self, service: Service) -> Option<(&'static str, String)> {
        let json =
            |name: &str| format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{name}","message":"injected"}}"#);
        let xml = |code: &str| {
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>injected</Message></Error>")
        };
        match (self, service) {
            (Self::InternalError, Service::DynamoDb) => Some((INTERNAL, json("InternalServerError"))),
            (Self::InternalError, Service::S3) => Some((INTERNAL, xml("InternalError"))),
            (Self::SlowDown, Service::DynamoDb) => Some((UNAVAILABLE, json("ServiceUnavailable"))),
            (Self::SlowDown, Service::S3) => Some((UNAVAILABLE, xml("SlowDown"))),
            (Self::ThroughputExceeded, _) => Some((BAD_REQUEST, json("ProvisionedThroughputExceededException"))),
            (Self::Forbidden, _) => Some((FORBIDDEN, xml("AccessDenied"))),
            (Self::Throttling, _) => Some((BAD_REQUEST, json("ThrottlingException"))),
            (Self::TransactionConflict, _) => Some((BAD_REQUEST, CONFLICT.to_owned())),
            (
                Self::ResetBefore
                | Self::ResetInBody
                | Self::LostReply
                | Self::CutReply
                | Self::Delay(_)
                | Self::FlipBit
                | Self::NoConditions
                | Self::Hold,
                _,
            ) => None,
        }
    }
}

const INTERNAL: &str = "500 Internal Server Error";
const UNAVAILABLE: &str = "503 Service Unavailable";
const FORBIDDEN: &str = "403 Forbidden";
const BAD_REQUEST: &str = "400 Bad Request";
const CONFLICT: &str = concat!(
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","#,
    r#""Message":"Transaction cancelled, please refer cancellation reasons for specific reasons","#,
    r#""CancellationReasons":[{"Code":"TransactionConflict","Message":"Transaction is ongoing for the item"},"#,
    r#"{"Code":"None"}]}"#
);

/// Chance, the same for the same seed.
pub struct Dice {
    faults: Faults,
    state: u64,
}

impl Dice {
    pub fn new(faults: Faults) -> Self {
        Self { state: faults.seed, faults }
    }

    pub fn throw(&mut self, action: &Action) -> Option<Fault> {
        // 53 bits are as many as a float between 0 and 1 can tell apart.
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let chance = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        let choice = self.next();
        if chance >= self.faults.rate {
            return None;
        }
        let fitting: Vec<Fault> = self.faults.kinds.iter().copied().filter(|kind| kind.fits(action)).collect();
        let index = usize::try_from(choice % (fitting.len().max(1) as u64)).unwrap_or_default();
        fitting.get(index).copied()
    }

    /// `SplitMix64` (Steele, Lea and Flood, 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
