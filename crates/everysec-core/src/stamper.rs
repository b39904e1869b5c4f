//! What goes into the annotation of the next block besides its place: the session that is still to be named, and the time
//! where it has changed.

use crate::block_format::{Session, Stamp};

#[derive(Clone)]
pub struct Stamper {
    is_annotated: bool,
    session: Session,
    /// Named in the first annotated block of a file, and again where plain blocks came between.
    is_session_due: bool,
    /// Unix seconds of the last tick, and those of the last `t=`; 0: none.
    seconds: u64,
    written_seconds: u64,
}

impl Stamper {
    pub fn new(session: Session, annotated: bool) -> Stamper {
        Stamper {
            is_annotated: annotated,
            session,
            is_session_due: true,
            seconds: 0,
            written_seconds: 0,
        }
    }

    pub fn is_annotated(&self) -> bool {
        self.is_annotated
    }

    /// Plain bytes inside a session are damage to a reader, so what follows them begins a session.
    pub fn set_annotated(&mut self, annotated: bool) {
        if annotated && !self.is_annotated {
            self.is_session_due = true;
        }
        self.is_annotated = annotated;
    }

    pub fn begin_file(&mut self, session: Session) {
        self.session = session;
        self.is_session_due = true;
    }

    pub fn tick(&mut self, seconds: u64) {
        self.seconds = seconds;
    }

    pub fn seconds(&self) -> u64 {
        self.seconds
    }

    /// Adds to a block's stamp what is due; `seconds`: when it was sealed.
    pub fn stamp(&mut self, mut stamp: Stamp, seconds: u64) -> Stamp {
        stamp.seconds = None;
        stamp.session = None;
        if !self.is_annotated {
            return stamp;
        }
        if seconds != 0 && (self.is_session_due || seconds != self.written_seconds) {
            stamp.seconds = Some(seconds);
            self.written_seconds = seconds;
        }
        if self.is_session_due {
            stamp.session = Some(self.session);
            self.is_session_due = false;
        }
        stamp
    }
}
