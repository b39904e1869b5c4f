//! A condition variable that is rung only where somebody waits: the one of the standard library makes a system call each time,
//! and under load a log's threads are mostly at work when there is more for them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::Duration;

/// Belongs to one mutex. Whoever notifies has changed, under that mutex, what is waited for, and may have let go of it.
#[derive(Default)]
pub struct Signal {
    condvar: Condvar,
    /// Changed under the mutex only: who finds nobody here after a change of his own knows that whoever comes sees the change.
    waiting: AtomicUsize,
}

impl Signal {
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let guard = self.condvar.wait(guard).unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        guard
    }

    pub fn wait_for<'a, T>(&self, guard: MutexGuard<'a, T>, at_most: Duration) -> MutexGuard<'a, T> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let (guard, _) = self
            .condvar
            .wait_timeout(guard, at_most)
            .unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        guard
    }

    pub fn notify_one(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.condvar.notify_one();
        }
    }

    pub fn notify_all(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.condvar.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread;

    use super::*;

    #[test]
    fn no_ring_is_lost_between_two_threads_that_take_turns() {
        const TURNS: u32 = 20_000;
        let (turn, signal) = (Mutex::new(0_u32), Signal::default());
        let play = |parity: u32| {
            let mut guard = turn.lock().unwrap_or_else(PoisonError::into_inner);
            while *guard < TURNS {
                while *guard < TURNS && *guard % 2 != parity {
                    guard = signal.wait(guard);
                }
                *guard += 1;
                drop(guard);
                signal.notify_one();
                guard = turn.lock().unwrap_or_else(PoisonError::into_inner);
            }
            drop(guard);
            signal.notify_all();
        };
        thread::scope(|scope| {
            scope.spawn(|| play(0));
            scope.spawn(|| play(1));
        });
        assert!(*turn.lock().unwrap_or_else(PoisonError::into_inner) >= TURNS);
    }

    #[test]
    fn a_wait_with_an_end_ends() {
        let mutex = Mutex::new(());
        let signal = Signal::default();
        drop(signal.wait_for(
            mutex.lock().unwrap_or_else(PoisonError::into_inner),
            Duration::from_millis(1),
        ));
        assert_eq!(signal.waiting.load(Ordering::Relaxed), 0);
    }
}
