//! What a request means, once for all doors.
