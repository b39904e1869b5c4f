//! A BlockLog as a JavaScript object: one function per method, each with the log's address as its data pointer, so that a
//! call needs no look-up. src/backend/backend.ts documents the methods.
//!
//! Who keeps what alive: each function object owns one count of the `Rc<JsLog>` and gives it back when it is collected. The
//! environment's cleanup hook owns counts of its own of what it needs. A log whose functions are all collected ends its
//! threads, as close() does, only that nobody waits for them.

use std::cell::{Cell, RefCell};
use std::ffi::{c_void, CStr};
use std::path::PathBuf;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use everysec_core::block_format::{Flag, Session};
use everysec_core::block_log::{self, BlockLog, LogOptions, LogThreads};
use everysec_core::error::Failure;
use everysec_core::fs::os::OsFile;
use everysec_core::fs::LogFile;
use everysec_core::limits::MAX_LSN;
use everysec_core::log_state::Shared;
use everysec_core::resp::check::check_records;
use napi_sys as sys;

use crate::arguments::{self, ByteView};
use crate::js::{self, CallbackInfo, Env, JsResult, Thrown, Value};
use crate::progress::Progress;
use crate::status;
use crate::work;

/// The methods, in the order of LOG_METHODS in src/backend/native/binding.ts.
const METHODS: [(&CStr, sys::napi_callback); 23] = [
    (c"append", Some(append)),
    (c"appendArray", Some(append_array)),
    (c"appendRaw", Some(append_raw)),
    (c"appendRawChecked", Some(append_raw_checked)),
    (c"select", Some(select)),
    (c"appendTimestamp", Some(append_timestamp)),
    (c"beginUnit", Some(begin_unit)),
    (c"endUnit", Some(end_unit)),
    (c"tick", Some(tick)),
    (c"flush", Some(flush)),
    (c"mark", Some(mark)),
    (c"setRetain", Some(set_retain)),
    (c"setChecksum", Some(set_checksum)),
    (c"setWriteDelay", Some(set_write_delay)),
    (c"status", Some(status_into)),
    (c"resume", Some(resume)),
    (c"openNext", Some(open_next)),
    (c"switchToNext", Some(switch_to_next)),
    (c"resumeTarget", Some(resume_target)),
    (c"roll", Some(roll)),
    (c"truncate", Some(truncate)),
    (c"writeOutSync", Some(write_out_sync)),
    (c"close", Some(close)),
];

/// Arguments that are read without a second call of Node-API.
const STACK_ARGUMENTS: usize = 8;
/// How long an ending environment, or process, waits for writes that are under way.
const PATIENCE: Duration = Duration::from_secs(2);

struct JsLog {
    env: Env,
    /// None once it is closed.
    open: RefCell<Option<Open>>,
    shared: Arc<Shared<OsFile>>,
    progress: Arc<Progress>,
    hook: Cell<*mut Hook>,
    /// For status() behind close().
    closed_lsn: Cell<u64>,
}

struct Open {
    log: BlockLog<OsFile>,
    threads: LogThreads,
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

struct TargetArgs {
    path: PathBuf,
    position: u64,
    session: Session,
}

fn target_of(env: Env, path: Value, position: Value, session: Value) -> JsResult<TargetArgs> {
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

    fn take_hook_away(&self) {
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

    fn with<T>(&self, run: impl FnOnce(&mut Open) -> JsResult<T>) -> JsResult<T> {
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
    drop(unsafe { Rc::from_raw(data.cast::<JsLog>().cast_const()) });
}

// ------------------------------------------------------------------------------------------- end of environment

/// What the end of an environment (a worker's thread, the process) does to a log that was not closed.
struct Hook {
    shared: Arc<Shared<OsFile>>,
    progress: Arc<Progress>,
    has_run: AtomicBool,
}

unsafe extern "C" fn on_env_end(data: *mut c_void) {
    // SAFETY: the box of set_hook(), which take_hook_away() frees only after it removed this hook or after this has run.
    let hook = unsafe { &*data.cast::<Hook>() };
    hook.has_run.store(true, Ordering::Release);
    hook.progress.detach(false);
    block_log::begin_close(&hook.shared);
    block_log::wait_for_end(&hook.shared, PATIENCE);
}

// ------------------------------------------------------------------------------------------------------ methods

/// The frame of a method with N arguments.
#[inline]
fn method<const N: usize>(
    env: Env,
    info: CallbackInfo,
    run: impl FnOnce(&JsLog, [Value; N]) -> JsResult<Value>,
) -> Value {
    js::export(env, || {
        let (args, data) = js::args::<N>(env, info)?;
        // SAFETY: functions() gave this function a counted reference as its data.
        run(unsafe { &*data.cast::<JsLog>() }, args)
    })
}

/// A method whose result is undefined.
fn order<const N: usize>(
    env: Env,
    info: CallbackInfo,
    run: impl FnOnce(&mut BlockLog<OsFile>, [Value; N]) -> JsResult<()>,
) -> Value {
    method(env, info, |this, args| {
        this.with(|open| run(&mut open.log, args))?;
        js::undefined(env)
    })
}

unsafe extern "C" fn append(env: Env, info: CallbackInfo) -> Value {
    js::export(env, || {
        let mut values = [ptr::null_mut(); STACK_ARGUMENTS];
        let mut count = STACK_ARGUMENTS;
        let mut data = ptr::null_mut();
        // SAFETY: a live environment and the info of this very call; `values` has room for `count`.
        let status =
            unsafe { sys::napi_get_cb_info(env, info, &mut count, values.as_mut_ptr(), ptr::null_mut(), &mut data) };
        js::ok(env, status)?;
        // SAFETY: functions() gave this function a counted reference as its data.
        let this = unsafe { &*data.cast::<JsLog>() };
        let lsn = match values.get(..count) {
            Some(values) => this.with(|open| arguments::append(env, open.log.buffer(), values))?,
            None => append_many(env, info, count, this)?,
        };
        js::number(env, lsn as f64)
    })
}

#[cold]
fn append_many(env: Env, info: CallbackInfo, mut count: usize, this: &JsLog) -> JsResult<u64> {
    let mut values = vec![ptr::null_mut(); count];
    // SAFETY: as in append().
    let status = unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &mut count,
            values.as_mut_ptr(),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    js::ok(env, status)?;
    this.with(|open| arguments::append(env, open.log.buffer(), &values))
}

unsafe extern "C" fn append_array(env: Env, info: CallbackInfo) -> Value {
    method(env, info, |this, [argv]| {
        // Reading elements may run JavaScript (getters), so it is done before the log is borrowed.
        let values = js::elements(env, argv)?;
        let lsn = this.with(|open| arguments::append(env, open.log.buffer(), &values))?;
        js::number(env, lsn as f64)
    })
}

unsafe extern "C" fn append_raw(env: Env, info: CallbackInfo) -> Value {
    method(env, info, |this, [bytes, start, end]| {
        let view = range_of(env, bytes, start, end)?;
        // SAFETY: no JavaScript runs before the copy is made.
        let records = unsafe { view.as_slice() };
        let lsn = this.with(|open| Ok(open.log.buffer().append(records)))?;
        js::number(env, lsn as f64)
    })
}

unsafe extern "C" fn append_raw_checked(env: Env, info: CallbackInfo) -> Value {
    method(env, info, |this, [bytes, start, end]| {
        let view = range_of(env, bytes, start, end)?;
        // SAFETY: as in append_raw().
        let records = unsafe { view.as_slice() };
        if let Err(offset) = check_records(records) {
            return js::number(env, -1.0 - offset as f64);
        }
        let lsn = this.with(|open| Ok(open.log.buffer().append(records)))?;
        js::number(env, lsn as f64)
    })
}

#[inline]
fn range_of(env: Env, bytes: Value, start: Value, end: Value) -> JsResult<ByteView> {
    let view =
        arguments::uint8_array(env, bytes).ok_or_else(|| Thrown::Type("bytes must be a Uint8Array".to_string()))?;
    let (from, to) = (js::get_number(env, start, "start")?, js::get_number(env, end, "end")?);
    view.range(from, to)
        .ok_or_else(|| Thrown::Range(format!("no bytes at [{from}, {to}) of {}", view.length)))
}

unsafe extern "C" fn select(env: Env, info: CallbackInfo) -> Value {
    method(env, info, |this, [db]| {
        let index = js::get_integer(env, db, i32::MAX as u64, "db")? as u32;
        let text = index.to_string();
        let record = format!("*2\r\n$6\r\nSELECT\r\n${}\r\n{text}\r\n", text.len());
        let lsn = this.with(|open| {
            let lsn = open.log.buffer().append(record.as_bytes());
            open.log.buffer().select(index);
            Ok(lsn)
        })?;
        js::number(env, lsn as f64)
    })
}

unsafe extern "C" fn append_timestamp(env: Env, info: CallbackInfo) -> Value {
    method(env, info, |this, [seconds]| {
        let seconds = js::get_integer(env, seconds, MAX_LSN, "seconds")?;
        let line = format!("#TS:{seconds}\r\n");
        let lsn = this.with(|open| Ok(open.log.buffer().append(line.as_bytes())))?;
        js::number(env, lsn as f64)
    })
}

unsafe extern "C" fn begin_unit(env: Env, info: CallbackInfo) -> Value {
    order(env, info, |log, []| {
        log.buffer().set_in_unit(true);
        Ok(())
    })
}

unsafe extern "C" fn end_unit(env: Env, info: CallbackInfo) -> Value {
    order(env, info, |log, []| {
        log.buffer().set_in_unit(false);
        Ok(())
    })
}

unsafe extern "C" fn tick(env: Env, info: CallbackInfo) -> Value {
    order(env, info, |log, [seconds]| {
        log.buffer().tick(js::get_integer(env, seconds, MAX_LSN, "seconds")?);
        Ok(())
    })
}

unsafe extern "C" fn flush(env: Env, info: CallbackInfo) -> Value {
    method(env, info, |this, [sync]| {
        let sync = js::get_boolean(env, sync, "sync")?;
        this.with(|open| {
            open.log.flush(sync);
            Ok(())
        })?;
        this.progress.hold_loop(env);
        js::undefined(env)
    })
}

unsafe extern "C" fn mark(env: Env, info: CallbackInfo) -> Value {
    order(env, info, |log, [kind]| {
        let flag = match js::get_string(env, kind, "kind")?.as_str() {
            "c" => Flag::CleanClose,
            "i" => Flag::Idle,
            other => return Err(Thrown::Range(format!("kind must be 'c' or 'i', got {other:?}"))),
        };
        log.mark(flag).map_err(|text| Thrown::Range(text.to_string()))
    })
}

unsafe extern "C" fn set_retain(env: Env, info: CallbackInfo) -> Value {
    order(env, info, |log, [until_synced]| {
        log.set_retain(js::get_boolean(env, until_synced, "untilSynced")?);
        Ok(())
    })
}

unsafe extern "C" fn set_checksum(env: Env, info: CallbackInfo) -> Value {
    order(env, info, |log, [on]| {
        log.buffer().set_annotated(js::get_boolean(env, on, "on")?);
        Ok(())
    })
}

unsafe extern "C" fn set_write_delay(env: Env, info: CallbackInfo) -> Value {
    order(env, info, |log, [micros]| {
        log.set_write_delay(js::get_integer(env, micros, u64::from(u32::MAX), "micros")?);
        Ok(())
    })
}

unsafe extern "C" fn status_into(env: Env, info: CallbackInfo) -> Value {
    method(env, info, |this, [out]| {
        let out = status::slots(env, out)?;
        let (lsn, filling) = match &mut *this.open.borrow_mut() {
            Some(open) => (open.log.buffer().appended_lsn(), open.log.buffer().len()),
            None => (this.closed_lsn.get(), 0),
        };
        status::fill(out, &this.shared.lock(), lsn, filling as u64);
        js::undefined(env)
    })
}

unsafe extern "C" fn resume(env: Env, info: CallbackInfo) -> Value {
    method(env, info, |this, []| {
        this.with(|open| {
            open.log.resume();
            Ok(())
        })?;
        this.progress.hold_loop(env);
        js::undefined(env)
    })
}

unsafe extern "C" fn open_next(env: Env, info: CallbackInfo) -> Value {
    method(env, info, |this, [path, position, session]| {
        let target = target_of(env, path, position, session)?;
        this.with(|_| Ok(()))?;
        let (position, session) = (target.position, target.session);
        let this = this.counted();
        let open = move || OsFile::open_append(&target.path, target.position);
        work::promise(env, open, move |env, file| {
            let file = file?;
            this.with(|open| {
                open.log.set_next(file, position, session);
                Ok(())
            })?;
            js::undefined(env)
        })
    })
}

unsafe extern "C" fn switch_to_next(env: Env, info: CallbackInfo) -> Value {
    method(env, info, |this, []| {
        this.with(|open| {
            let switched = open.log.switch_to_next();
            switched.ok_or_else(|| Thrown::Range("switchToNext() needs a file that openNext() opened".to_string()))
        })?;
        this.progress.hold_loop(env);
        js::undefined(env)
    })
}

unsafe extern "C" fn resume_target(env: Env, info: CallbackInfo) -> Value {
    method(env, info, |this, []| {
        this.with(|open| {
            let resumed = open.log.resume_target();
            resumed.ok_or_else(|| Thrown::Range("resumeTarget() before the old file is closed".to_string()))
        })?;
        this.progress.hold_loop(env);
        js::undefined(env)
    })
}

unsafe extern "C" fn roll(env: Env, info: CallbackInfo) -> Value {
    method(env, info, |this, [path, position, session]| {
        let target = target_of(env, path, position, session)?;
        this.with(|open| {
            open.log.begin_roll();
            Ok(())
        })?;
        let shared = this.shared.clone();
        let session = target.session;
        let open = move || {
            let file = OsFile::open_append(&target.path, target.position)?;
            block_log::wait_until_quiet(&shared);
            Ok(file)
        };
        let counted = this.counted();
        let promise = work::promise(env, open, move |env, file| counted.take_over(env, file, session));
        if promise.is_err() {
            this.abandon_roll()?;
        }
        promise
    })
}

unsafe extern "C" fn truncate(env: Env, info: CallbackInfo) -> Value {
    method(env, info, |this, [offset]| {
        let offset = js::get_integer(env, offset, MAX_LSN, "offset")?;
        this.with(|open| open.log.begin_truncate(offset).map_err(Thrown::Range))?;
        let shared = this.shared.clone();
        let cut =
            move || block_log::cut_file(&shared, offset).map_err(|errno| Failure::system(errno, "cut the log's file"));
        work::promise(env, cut, |env, done| {
            done?;
            js::undefined(env)
        })
    })
}

unsafe extern "C" fn write_out_sync(env: Env, info: CallbackInfo) -> Value {
    method(env, info, |this, []| {
        let written = this.with(|open| Ok(open.log.write_out_sync(PATIENCE)))?;
        js::number(env, written as f64)
    })
}

unsafe extern "C" fn close(env: Env, info: CallbackInfo) -> Value {
    method(env, info, |this, []| {
        let Some(mut open) = this.open.borrow_mut().take() else {
            return Err(Thrown::Coded("AOF_CLOSED", "the log is closed".to_string()));
        };
        this.closed_lsn.set(open.log.buffer().appended_lsn());
        this.progress.detach(true);
        let shared = this.shared.clone();
        let Open { log, threads } = open;
        // The filling block goes here; what was handed over is written and synced by the threads before they end.
        drop(log);
        let this = this.counted();
        work::promise(
            env,
            move || block_log::finish_close(&shared, threads),
            move |env, closed| {
                this.take_hook_away();
                closed?;
                js::undefined(env)
            },
        )
    })
}

impl JsLog {
    /// The end of a roll, on the loop: `file` is open, and nothing is under way on the old one.
    fn take_over(&self, env: Env, file: Result<OsFile, Failure>, session: Session) -> JsResult<Value> {
        let file = match file {
            Ok(file) => file,
            Err(failure) => {
                self.abandon_roll()?;
                return Err(failure.into());
            }
        };
        let (cut, old) = self.with(|open| {
            let taken = open.log.take_over(file, session);
            taken.map_err(|text| Thrown::Coded("AOF_FAILED", format!("cannot give up the log's file: {text}")))
        })?;
        self.progress.hold_loop(env);
        if let Some(old) = old {
            // Off the loop. What close(2) says concerns no byte that is still needed.
            let close = move || {
                let _ = old.close();
                Ok(())
            };
            work::promise(env, close, |env, _: Result<(), Failure>| js::undefined(env))?;
        }
        let object = js::object(env)?;
        js::set(env, object, c"offset", js::number(env, cut.offset as f64)?)?;
        js::set(env, object, c"lsn", js::number(env, cut.lsn as f64)?)?;
        Ok(object)
    }

    fn abandon_roll(&self) -> JsResult<()> {
        self.with(|open| {
            open.log.abandon_roll();
            Ok(())
        })
    }

    /// A count of this log, for work that outlives the call.
    fn counted(&self) -> Rc<JsLog> {
        let raw = ptr::from_ref(self);
        // SAFETY: every JsLog lives in an Rc (start() makes no other), and `self` proves that a count is held now.
        unsafe {
            Rc::increment_strong_count(raw);
            Rc::from_raw(raw)
        }
    }
}
