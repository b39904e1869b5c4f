//! How a log's threads tell the event loop that something changed: one thread-safe function per log, unref'd unless a write
//! or sync is under way, and at most one call of it in the loop's queue.
//!
//! The callback is held weakly, because it usually refers to the log's owner: a log that nobody holds any more must be
//! collectable, callback and all. The TypeScript side keeps it alive as long as the log.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use everysec_core::fs::os::OsFile;
use everysec_core::log_state::{Shared, State};
use napi_sys as sys;

use crate::js::{self, Env, JsResult, Value};

pub struct Progress {
    /// For the log's threads. None once it is released or the environment ends. The mutex is held across each call, so that the
    /// environment cannot take the function away under it.
    function: Mutex<Option<Handle>>,
    /// The same for the loop, with the callback; null at the same times. A call wakes the loop while the thread still holds the
    /// mutex: it would wait for the thread it was woken by.
    on_loop: OnLoop,
    is_called: AtomicBool,
    /// Whether the function keeps the loop alive now. Written on the loop only.
    is_ref: AtomicBool,
    /// The log's shared part, which in turn holds this.
    shared: OnceLock<Weak<Shared<OsFile>>>,
}

struct Handle(sys::napi_threadsafe_function);

// SAFETY: a thread-safe function may be called from any thread while it lives, which the mutex around it secures.
unsafe impl Send for Handle {}

/// Used on the loop's thread only.
struct OnLoop {
    function: AtomicPtr<sys::napi_threadsafe_function__>,
    callback: AtomicPtr<sys::napi_ref__>,
}

impl OnLoop {
    fn set(&self, function: sys::napi_threadsafe_function, callback: sys::napi_ref) {
        self.function.store(function, Ordering::Relaxed);
        self.callback.store(callback, Ordering::Relaxed);
    }

    fn function(&self) -> Option<sys::napi_threadsafe_function> {
        Some(self.function.load(Ordering::Relaxed)).filter(|function| !function.is_null())
    }

    fn callback(&self) -> Option<sys::napi_ref> {
        Some(self.callback.load(Ordering::Relaxed)).filter(|callback| !callback.is_null())
    }
}

impl Progress {
    pub fn new() -> Progress {
        Progress {
            function: Mutex::new(None),
            on_loop: OnLoop {
                function: AtomicPtr::new(ptr::null_mut()),
                callback: AtomicPtr::new(ptr::null_mut()),
            },
            is_called: AtomicBool::new(false),
            is_ref: AtomicBool::new(false),
            shared: OnceLock::new(),
        }
    }

    /// Whose work keeps the loop alive. Once.
    pub fn watch(&self, shared: &Arc<Shared<OsFile>>) {
        let _ = self.shared.set(Arc::downgrade(shared));
    }

    /// False when the log is gone.
    fn state(&self, ask: impl FnOnce(&mut State<OsFile>) -> bool) -> bool {
        let shared = self.shared.get().and_then(Weak::upgrade);
        shared.is_some_and(|shared| ask(&mut shared.lock()))
    }

    /// Makes the thread-safe function. Once, on the loop.
    pub fn attach(self: &Arc<Progress>, env: Env, callback: Value) -> JsResult<()> {
        let name = js::string(env, "everysec log")?;
        let (mut function, mut reference) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: a live environment and a function of it; a reference with count 0 is weak.
        js::ok(env, unsafe {
            sys::napi_create_reference(env, callback, 0, &mut reference)
        })?;
        let context = Arc::into_raw(self.clone()).cast_mut().cast::<c_void>();
        // SAFETY: `context` is a counted reference that finalize() gives back; call() and finalize() take it as that.
        let status = unsafe {
            sys::napi_create_threadsafe_function(
                env,
                ptr::null_mut(),
                ptr::null_mut(),
                name,
                0,
                1,
                reference.cast::<c_void>(),
                Some(finalize),
                context,
                Some(call),
                &mut function,
            )
        };
        if let Err(thrown) = js::ok(env, status) {
            // SAFETY: nothing was created, so finalize() never runs and this is the only one to give it back.
            drop(unsafe { Arc::from_raw(context.cast::<Progress>().cast_const()) });
            return Err(thrown);
        }
        // SAFETY: a live environment and its own function.
        js::ok(env, unsafe { sys::napi_unref_threadsafe_function(env, function) })?;
        self.on_loop.set(function, reference);
        *self.lock() = Some(Handle(function));
        Ok(())
    }

    /// From any thread; never blocks on the loop.
    pub fn notify(&self) {
        if self.is_called.swap(true, Ordering::AcqRel) {
            return;
        }
        let function = self.lock();
        let Some(handle) = &*function else {
            self.is_called.store(false, Ordering::Release);
            return;
        };
        // SAFETY: the function is not released, and cannot be while the mutex is held.
        unsafe {
            let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
            sys::napi_call_threadsafe_function(handle.0, ptr::null_mut(), mode);
        }
    }

    /// If something is under way or not told yet, keeps the loop alive until a call finds that nothing is. On the loop.
    pub fn hold_loop(&self, env: Env) {
        if self.is_ref.load(Ordering::Relaxed) || !self.state(|state| state.is_busy()) {
            return;
        }
        self.is_ref.store(true, Ordering::Relaxed);
        if let Some(function) = self.on_loop.function() {
            // SAFETY: a live environment and its own function, not released.
            unsafe { sys::napi_ref_threadsafe_function(env, function) };
        }
    }

    fn let_loop_go(&self, env: Env) {
        if !self.is_ref.swap(false, Ordering::Relaxed) {
            return;
        }
        if let Some(function) = self.on_loop.function() {
            // SAFETY: as above.
            unsafe { sys::napi_unref_threadsafe_function(env, function) };
        }
    }

    /// No call begins after this returns. On the loop, once; with `release` false the environment itself, which is ending,
    /// takes the function away.
    pub fn detach(&self, release: bool) {
        self.on_loop.set(ptr::null_mut(), ptr::null_mut());
        let handle = self.lock().take();
        if let (true, Some(handle)) = (release, handle) {
            let mode = sys::ThreadsafeFunctionReleaseMode::release;
            // SAFETY: the one release for the one thread count that it was created with.
            unsafe { sys::napi_release_threadsafe_function(handle.0, mode) };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Handle>> {
        self.function.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// On the loop: calls the JavaScript callback.
unsafe extern "C" fn call(env: Env, _function: Value, context: *mut c_void, _data: *mut c_void) {
    js::contain(|| {
        // SAFETY: `context` is the counted reference of attach(), given back only by finalize(), after the last call.
        let progress = unsafe { &*context.cast::<Progress>() };
        progress.is_called.store(false, Ordering::Release);
        if !env.is_null() {
            progress.tell(env);
        }
    });
}

impl Progress {
    fn tell(&self, env: Env) {
        let is_busy = self.state(|state| state.tell());
        if !is_busy {
            self.let_loop_go(env);
        }
        let Some(reference) = self.on_loop.callback() else {
            return;
        };
        let (mut callback, mut this) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: a live environment and its own reference, not deleted while it stands there.
        let called = unsafe {
            sys::napi_get_reference_value(env, reference, &mut callback);
            if callback.is_null() || sys::napi_get_undefined(env, &mut this) != sys::Status::napi_ok {
                return;
            }
            js::ok(
                env,
                sys::napi_call_function(env, this, callback, 0, ptr::null(), ptr::null_mut()),
            )
        };
        let Err(thrown) = called else { return };
        if let Ok(error) = js::error_value(env, thrown) {
            // What the callback throws is an uncaught exception of the program; left pending, Node would only warn.
            // SAFETY: a live environment and a value of it.
            unsafe { sys::napi_fatal_exception(env, error) };
        }
    }
}

/// On the loop, after the last call: `data` is the reference to the callback, `context` that of attach().
unsafe extern "C" fn finalize(env: Env, data: *mut c_void, context: *mut c_void) {
    js::contain(|| {
        // SAFETY: attach() made both, and this runs once.
        let progress = unsafe {
            sys::napi_delete_reference(env, data.cast());
            Arc::from_raw(context.cast::<Progress>().cast_const())
        };
        progress.on_loop.set(ptr::null_mut(), ptr::null_mut());
        *progress.lock() = None;
    });
}
