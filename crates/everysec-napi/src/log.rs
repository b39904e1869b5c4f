//! A BlockLog as a JavaScript object: one function per method, each with the log's address as its data pointer, so that a
//! call needs no look-up. src/backend/backend.ts documents the methods.
//!
//! Who keeps what alive: each function object owns one count of the `Rc<JsLog>` and gives it back when it is collected. The
//! environment's cleanup hook owns counts of its own of what it needs. A log whose functions are all collected ends its
//! threads, as close() does, only that nobody waits for them.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::path::PathBuf;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use everysec_core::block_format::Session;
use everysec_core::block_log::{self, BlockLog, LogOptions, LogThreads};
use everysec_core::fs::os::OsFile;
use everysec_core::limits::MAX_LSN;
use everysec_core::log_state::Shared;
use napi_sys as sys;

use crate::js::{self, CallbackInfo, Env, JsResult, Thrown, Value};
use crate::log_methods::METHODS;
use crate::progress::Progress;
use crate::work;

/// How long an ending environment, or process, waits for writes that are under way.
pub const PATIENCE: Duration = Duration::from_secs(2);

pub struct JsLog {
    env: Env,
    /// None once it is closed.
    pub open: RefCell<Option<Open>>,
    pub shared: Arc<Shared<OsFile>>,
    pub progress: Arc<Progress>,
    hook: Cell<*mut Hook>,
    /// For status() behind close().
    pub closed_lsn: Cell<u64>,
}

pub struct Open {
    pub log: BlockLog<OsFile>,
    pub threads: LogThreads,
}

/// `openLog(path, position, session, lsn, checksum, retainUntilSynced, onProgress)`: Promise of the log's functions.
pub unsafe extern "C" fn open_log(env: Env, info: CallbackInfo) -> Value {
    js::export(env, || {
        let ([path, position, session, lsn, checksum, retain, callback], _) = js::args::<7>(env, info)?;
        let target = target_of(env, path, position, session)?;
        let options = LogOptions {
            lsn: js::get_integer(env, lsn, MAX_LSN, "lsn")?,
            session: target.session,
            annotated: js::get_boolean(env, checksum, "checksum")?,
            retain_until_synced: js::get_boolean(env, retain, "retainUntilSynced")?,
        };
        let mut kept = ptr::null_mut();
        // SAFETY: a live environment and a value of it. The reference is strong until the log has taken the callback over.
        js::ok(env, unsafe { sys::napi_create_reference(env, callback, 1, &mut kept) })?;
        let position = target.position;
        let open = move || OsFile::open_append(&target.path, target.position);
        work::promise(env, open, move |env, file| {
            let mut callback = ptr::null_mut();
            // SAFETY: a live environment and its own reference, deleted here only.
            unsafe {
                sys::napi_get_reference_value(env, kept, &mut callback);
                sys::napi_delete_reference(env, kept);
            }
            JsLog::start(env, file?, position, &options, callback)
        })
    })
}

pub struct TargetArgs {
    pub path: PathBuf,
    pub position: u64,
    pub session: Session,
}

pub fn target_of(env: Env, path: Value, position: Value, session: Value) -> JsResult<TargetArgs> {
    let session = js::get_string(env, session, "session")?;
    Ok(TargetArgs {
        path: js::get_string(env, path, "path")?.into(),
        position: js::get_integer(env, position, MAX_LSN, "position")?,
        session: Session::parse(&session).ok_or_else(|| {
            Thrown::Range(format!(
                "session must be 8 lower-case hexadecimal digits, got {session:?}"
            ))
        })?,
    })
}

impl JsLog {
    fn start(env: Env, file: OsFile, position: u64, options: &LogOptions, callback: Value) -> JsResult<Value> {
        let progress = Arc::new(Progress::new());
        let notify = {
            let progress = progress.clone();
            Box::new(move || progress.notify())
        };
        let (log, threads) = block_log::start(file, position, options, notify)?;
        let shared = log.shared().clone();
        progress.watch(&shared);
        let this = Rc::new(JsLog {
            env,
            open: RefCell::new(Some(Open { log, threads })),
            shared,
            progress,
            hook: Cell::new(ptr::null_mut()),
            closed_lsn: Cell::new(0),
        });
        this.progress.attach(env, callback)?;
        this.set_hook()?;
        this.functions()
    }

    fn functions(self: &Rc<JsLog>) -> JsResult<Value> {
        let object = js::object(self.env)?;
        for (name, call) in METHODS {
            let data = Rc::into_raw(self.clone()).cast_mut().cast::<c_void>();
            let function = js::function(self.env, name, call, data)?;
            // SAFETY: a live environment and a value of it; drop_log() gives the count in `data` back.
            js::ok(self.env, unsafe {
                sys::napi_add_finalizer(
                    self.env,
                    function,
                    data,
                    Some(drop_log),
                    ptr::null_mut(),
                    ptr::null_mut(),
                )
            })?;
            js::set(self.env, object, name, function)?;
        }
        Ok(object)
    }

    fn set_hook(&self) -> JsResult<()> {
        let hook = Box::new(Hook {
            shared: self.shared.clone(),
            progress: self.progress.clone(),
            has_run: AtomicBool::new(false),
        });
        let hook = Box::into_raw(hook);
        self.hook.set(hook);
        // SAFETY: a live environment; the box lives until take_hook_away(), which removes the hook first.
        js::ok(self.env, unsafe {
            sys::napi_add_env_cleanup_hook(self.env, Some(on_env_end), hook.cast())
        })
    }

    pub fn take_hook_away(&self) {
        let hook = self.hook.replace(ptr::null_mut());
        if hook.is_null() {
            return;
        }
        // SAFETY: set_hook() made the box, and `replace` lets only one caller have it. A hook that has run is removed already.
        unsafe {
            let hook = Box::from_raw(hook);
            if !hook.has_run.load(Ordering::Acquire) {
                sys::napi_remove_env_cleanup_hook(self.env, Some(on_env_end), ptr::from_ref(&*hook).cast_mut().cast());
            }
        }
    }

    fn has_env_ended(&self) -> bool {
        let hook = self.hook.get();
        // SAFETY: as long as it is not taken away, it is the box of set_hook().
        !hook.is_null() && unsafe { (*hook).has_run.load(Ordering::Acquire) }
    }

    /// A count of this log, for work that outlives the call.
    pub fn counted(&self) -> Rc<JsLog> {
        let raw = ptr::from_ref(self);
        // SAFETY: every JsLog lives in an Rc (start() makes no other), and `self` proves that a count is held now.
        unsafe {
            Rc::increment_strong_count(raw);
            Rc::from_raw(raw)
        }
    }

    /// AOF_CLOSED after close().
    pub fn with<T>(&self, run: impl FnOnce(&mut Open) -> JsResult<T>) -> JsResult<T> {
        let mut open = self
            .open
            .try_borrow_mut()
            .map_err(|_| Thrown::Type("the log is in use".to_string()))?;
        match &mut *open {
            Some(open) => run(open),
            None => Err(Thrown::Coded("AOF_CLOSED", "the log is closed".to_string())),
        }
    }
}

impl Drop for JsLog {
    fn drop(&mut self) {
        self.progress.detach(!self.has_env_ended());
        self.take_hook_away();
        block_log::begin_close(&self.shared);
    }
}

unsafe extern "C" fn drop_log(_env: Env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the count that functions() gave to this one function object, whose finalizer runs once.
    js::contain(|| drop(unsafe { Rc::from_raw(data.cast::<JsLog>().cast_const()) }));
}

// ------------------------------------------------------------------------------------------- end of environment

/// What the end of an environment (a worker's thread, the process) does to a log that was not closed.
struct Hook {
    shared: Arc<Shared<OsFile>>,
    progress: Arc<Progress>,
    has_run: AtomicBool,
}

unsafe extern "C" fn on_env_end(data: *mut c_void) {
    js::contain(|| {
        // SAFETY: the box of set_hook(), which take_hook_away() frees only after it removed this hook or after this has run.
        let hook = unsafe { &*data.cast::<Hook>() };
        hook.has_run.store(true, Ordering::Release);
        hook.progress.detach(false);
        block_log::begin_close(&hook.shared);
        block_log::wait_for_end(&hook.shared, PATIENCE);
    });
}
