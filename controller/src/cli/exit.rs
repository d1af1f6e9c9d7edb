//! The exit codes, which scripts rely on.

use std::process::ExitCode;

use crate::api::ErrorKind;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1 to 5: refused.
    Refused(ErrorKind),
    /// 1: the answer makes no sense.
    Broken,
    /// 6: nobody answers on the socket.
    Unreachable,
    /// 7: durable, but not applied within the timeout.
    Pending,
    /// 7: nobody confirmed, so it was undone.
    Unconfirmed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Refused(kind) => kind.exit_code(),
            Exit::Broken => 1,
            Exit::Unreachable => 6,
            Exit::Pending | Exit::Unconfirmed => 7,
        })
    }
}
