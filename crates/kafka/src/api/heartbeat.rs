//! `Heartbeat`: a member of a classic group lives.
//!
//! | version | |
//! |---|---|
//! | 0–2 | 1: throttle time |
//! | 3 | static members (KIP-345) |
//! | 4 | flexible |

use thalweg_broker::Heartbeat;
use thalweg_kafka_wire::messages::{HeartbeatRequest, HeartbeatResponse};

use crate::call::Call;
use crate::error_code::code_of;

pub(super) async fn handle(call: Call, request: HeartbeatRequest) -> HeartbeatResponse {
    let heartbeat = Heartbeat {
        group_id: request.group_id.into(),
        generation: request.generation_id,
        member_id: request.member_id.into(),
        instance_id: request.group_instance_id.map(Into::into),
    };
    let outcome = call.broker().heartbeat(&call.session, heartbeat).await;
    HeartbeatResponse { throttle_time_ms: 0, error_code: code_of(&outcome) }
}
