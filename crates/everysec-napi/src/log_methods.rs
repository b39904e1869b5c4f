//! The methods of a log: src/backend/backend.ts documents them. log.rs says what keeps a log alive.

use std::ffi::CStr;
use std::ptr;

use everysec_core::block_format::{Flag, Session};
use everysec_core::block_log::{self, BlockLog};
use everysec_core::error::Failure;
use everysec_core::fs::os::OsFile;
use everysec_core::fs::LogFile;
use everysec_core::limits::MAX_LSN;

use napi_sys as sys;

use crate::arguments::{self, ByteView};
use crate::js::{self, CallbackInfo, Env, JsResult, Thrown, Value};
use crate::log::{target_of, JsLog, Open, PATIENCE};
use crate::status;
use crate::work;

/// The methods, in the order of LOG_METHODS in src/backend/native/binding.ts.
pub const METHODS: [(&CStr, sys::napi_callback); 23] = [
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
        match this.with(|open| Ok(open.log.buffer().append_checked(records)))? {
            Ok(lsn) => js::number(env, lsn as f64),
            Err(offset) => js::number(env, -1.0 - offset as f64),
        }
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
        js::set(env, object, c"fileLsn", js::number(env, cut.file_lsn as f64)?)?;
        Ok(object)
    }

    fn abandon_roll(&self) -> JsResult<()> {
        self.with(|open| {
            open.log.abandon_roll();
            Ok(())
        })
    }
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
