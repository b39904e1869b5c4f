//! Which calls of a simulated disk fail, by their number or at random.

use super::random::Random;
use crate::error::Errno;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    Write,
    Sync,
    Truncate,
    Close,
    Read,
    Create,
    Rename,
    Remove,
    SyncDirectory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Done,
    /// A read or write of at most so many bytes; others are done.
    Take(usize),
    Fail(Errno),
}

#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Number of the call, from 0, counted from when the plan was set; of those of `kind` only, where it is given.
    pub call: u64,
    pub kind: Option<CallKind>,
    pub answer: Answer,
    /// All later ones too.
    pub is_sticky: bool,
}

impl Fault {
    pub fn once(call: u64, answer: Answer) -> Fault {
        Fault {
            call,
            kind: None,
            answer,
            is_sticky: false,
        }
    }

    pub fn of(kind: CallKind, call: u64, answer: Answer) -> Fault {
        Fault {
            kind: Some(kind),
            ..Fault::once(call, answer)
        }
    }

    pub fn sticky(self) -> Fault {
        Fault {
            is_sticky: true,
            ..self
        }
    }
}

#[derive(Default)]
pub struct FaultPlan {
    faults: Vec<Fault>,
    /// So many calls in a thousand get one of the answers.
    random: Option<(Random, u64, Vec<Answer>)>,
    /// Of each kind.
    counts: [u64; CallKind::SyncDirectory as usize + 1],
    met: u64,
}

impl FaultPlan {
    pub fn of(faults: impl Into<Vec<Fault>>) -> FaultPlan {
        FaultPlan {
            faults: faults.into(),
            ..FaultPlan::default()
        }
    }

    pub fn at_random(seed: u64, per_mille: u64, answers: impl Into<Vec<Answer>>) -> FaultPlan {
        FaultPlan {
            random: Some((Random::new(seed), per_mille, answers.into())),
            ..FaultPlan::default()
        }
    }

    pub fn calls(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub fn met(&self) -> u64 {
        self.met
    }

    pub fn answer(&mut self, kind: CallKind) -> Answer {
        let (call, call_of_kind) = (self.calls(), self.counts[kind as usize]);
        self.counts[kind as usize] += 1;
        let is_meant = |fault: &&Fault| {
            let number = match fault.kind {
                None => call,
                Some(of) if of == kind => call_of_kind,
                Some(_) => return false,
            };
            number == fault.call || (fault.is_sticky && number > fault.call)
        };
        let planned = self.faults.iter().find(is_meant).map(|fault| fault.answer);
        let answer = planned.or_else(|| self.roll_dice()).unwrap_or(Answer::Done);
        self.met += u64::from(answer != Answer::Done);
        answer
    }

    fn roll_dice(&mut self) -> Option<Answer> {
        let (random, per_mille, answers) = self.random.as_mut()?;
        let is_hit = random.below(1000) < *per_mille;
        let which = random.below(answers.len() as u64) as usize;
        answers.get(which).copied().filter(|_| is_hit)
    }
}
