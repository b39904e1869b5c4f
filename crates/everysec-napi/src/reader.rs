//! A command reader as a JavaScript object of three functions: fill() reads and walks the next batch on a thread of libuv's
//! pool, take() copies it into memory that JavaScript owns, close() closes the file. src/backend/native/native-reader.ts
//! calls fill() ahead of need, one batch at a time.
//!
//! Each function object owns one count of the reader, and so does a fill() that is under way: whoever goes last closes the
//! file. No thread of its own, no callback, nothing to do when the environment ends.

use std::ffi::{c_void, CStr};
use std::path::PathBuf;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use everysec_core::command_reader::{Batch, CommandReader, FileSource, Step};
use everysec_core::error::Failure;
use everysec_core::limits::MAX_LSN;
use everysec_core::read_outcome::ReadOutcome;
use napi_sys as sys;

use crate::js::{self, CallbackInfo, Env, JsResult, Thrown, Value};
use crate::work;

/// The methods, in the order of READER_METHODS in src/backend/native/binding.ts.
const METHODS: [(&CStr, sys::napi_callback); 3] =
    [(c"fill", Some(fill)), (c"take", Some(take)), (c"close", Some(close))];

const MAX_BATCH_BYTES: u64 = 64 * 1024 * 1024;

type Reader = Mutex<State>;

enum State {
    /// The file is opened by the first fill().
    Unopened {
        path: PathBuf,
        batch_bytes: usize,
        lsn: u64,
        end_offset: u64,
    },
    /// Holds the batch of the last fill().
    Open(Box<CommandReader<FileSource>>),
    /// Closed, failed, or at the end; also while fill() works, and after a panic of it.
    Gone,
}

/// `openReader(path, batchBytes, lsn, endOffset)`: the reader's functions. Opens nothing yet.
pub unsafe extern "C" fn open_reader(env: Env, info: CallbackInfo) -> Value {
    js::export(env, || {
        let ([path, batch_bytes, lsn, end_offset], _) = js::args::<4>(env, info)?;
        let state = State::Unopened {
            path: js::get_string(env, path, "path")?.into(),
            batch_bytes: js::get_integer(env, batch_bytes, MAX_BATCH_BYTES, "batchBytes")?.max(1) as usize,
            lsn: js::get_integer(env, lsn, MAX_LSN, "lsn")?,
            end_offset: js::get_integer(env, end_offset, MAX_LSN, "endOffset")?,
        };
        let reader = Arc::new(Reader::new(state));
        let object = js::object(env)?;
        for (name, call) in METHODS {
            let data = Arc::into_raw(reader.clone()).cast_mut().cast::<c_void>();
            let made = js::function(env, name, call, data).and_then(|function| {
                // SAFETY: a live environment and a value of it; the count belongs to this one function from here on.
                js::ok(env, unsafe {
                    sys::napi_add_finalizer(env, function, data, Some(release), ptr::null_mut(), ptr::null_mut())
                })?;
                Ok(function)
            });
            if made.is_err() {
                // SAFETY: the count made above, which no finalizer has taken over.
                drop(unsafe { Arc::from_raw(data.cast::<Reader>().cast_const()) });
            }
            js::set(env, object, name, made?)?;
        }
        Ok(object)
    })
}

unsafe extern "C" fn release(_env: Env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the count that open_reader() gave this function; its finalizer runs once.
    js::contain(|| drop(unsafe { Arc::from_raw(data.cast::<Reader>().cast_const()) }));
}

/// The reader of the function that is being called, with a count of its own.
fn this(data: *mut c_void) -> Arc<Reader> {
    let reader = data.cast::<Reader>().cast_const();
    // SAFETY: the function that is being called owns a count, and from_raw() takes over the one that is added here.
    unsafe {
        Arc::increment_strong_count(reader);
        Arc::from_raw(reader)
    }
}

fn lock(reader: &Reader) -> MutexGuard<'_, State> {
    reader.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `fill()`: Promise of a batch (`length`, `indexLength`, `count`, `fileOffset`, `lsn`, `seconds`) or of the outcome, which has
/// a `status`.
unsafe extern "C" fn fill(env: Env, info: CallbackInfo) -> Value {
    js::export(env, || {
        let ([], data) = js::args::<0>(env, info)?;
        let reader = this(data);
        work::promise(
            env,
            move || read_next(&reader),
            |env, filled| match filled? {
                Filled::Batch(batch, index_length) => batch_value(env, &batch, index_length),
                Filled::Outcome(outcome) => outcome_value(env, &outcome),
            },
        )
    })
}

enum Filled {
    Batch(Batch, usize),
    Outcome(Box<ReadOutcome>),
}

/// On a thread of the pool. The state is taken out meanwhile, so that a panic leaves none behind.
fn read_next(shared: &Reader) -> Result<Filled, Failure> {
    let state = std::mem::replace(&mut *lock(shared), State::Gone);
    let mut reader = match state {
        State::Gone => return Err(Failure::new("the reader is closed, failed, or at its end")),
        State::Open(reader) => reader,
        State::Unopened {
            path,
            batch_bytes,
            lsn,
            end_offset,
        } => {
            #[cfg(feature = "panic-probe")]
            assert!(!path.ends_with("panic-probe"), "probe");
            let (source, size) = FileSource::open(&path)?;
            Box::new(CommandReader::new(source, size.min(end_offset), batch_bytes, lsn))
        }
    };
    match reader.read_next()? {
        Step::Done(outcome) => Ok(Filled::Outcome(outcome)),
        Step::Batch(batch) => {
            let index_length = reader.index().len();
            *lock(shared) = State::Open(reader);
            Ok(Filled::Batch(batch, index_length))
        }
    }
}

/// `take(bytes, index)`: copies the batch of the last fill() into a Uint8Array and an Int32Array that have room for it.
unsafe extern "C" fn take(env: Env, info: CallbackInfo) -> Value {
    js::export(env, || {
        let ([bytes, index], data) = js::args::<2>(env, info)?;
        let shared = this(data);
        let state = lock(&shared);
        let State::Open(reader) = &*state else {
            return Err(Failure::new("there is no batch to take").into());
        };
        copy_into(env, bytes, sys::TypedarrayType::uint8_array, reader.bytes())?;
        copy_into(env, index, sys::TypedarrayType::int32_array, reader.index())?;
        js::undefined(env)
    })
}

/// `close()`: Promise, on a thread of the pool. Not while a fill() is under way.
unsafe extern "C" fn close(env: Env, info: CallbackInfo) -> Value {
    js::export(env, || {
        let ([], data) = js::args::<0>(env, info)?;
        let reader = this(data);
        work::promise(
            env,
            move || {
                let state = std::mem::replace(&mut *lock(&reader), State::Gone);
                drop(state);
                Ok(())
            },
            |env, closed: Result<(), Failure>| {
                closed?;
                js::undefined(env)
            },
        )
    })
}

/// Copies `from` to the beginning of a typed array whose elements are of type T, as `kind` says.
fn copy_into<T: Copy>(env: Env, array: Value, kind: sys::napi_typedarray_type, from: &[T]) -> JsResult<()> {
    let (mut found, mut length, mut data) = (-1, 0, ptr::null_mut());
    // SAFETY: a live environment and a value of it; the results outlive the call, the ones left out are null.
    let status = unsafe {
        sys::napi_get_typedarray_info(
            env,
            array,
            &mut found,
            &mut length,
            &mut data,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    if status != sys::Status::napi_ok || found != kind || length < from.len() {
        return Err(Thrown::Range(
            "take() needs a Uint8Array and an Int32Array with room for the batch".to_string(),
        ));
    }
    if !from.is_empty() {
        // SAFETY: the array has `length` elements of T at `data`, at least as many as are copied; `from` is Rust's own memory
        // and no part of it; no JavaScript runs meanwhile.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), data.cast::<T>(), from.len()) };
    }
    Ok(())
}

fn batch_value(env: Env, batch: &Batch, index_length: usize) -> JsResult<Value> {
    numbers_value(
        env,
        &[
            (c"length", batch.length as f64),
            (c"indexLength", index_length as f64),
            (c"count", batch.count as f64),
            (c"fileOffset", batch.file_offset as f64),
            (c"lsn", batch.lsn as f64),
            (c"seconds", batch.seconds as f64),
        ],
    )
}

fn numbers_value(env: Env, numbers: &[(&CStr, f64)]) -> JsResult<Value> {
    let object = js::object(env)?;
    for (name, number) in numbers {
        js::set(env, object, name, js::number(env, *number)?)?;
    }
    Ok(object)
}

/// A ReadOutcome of src/backend/backend.ts.
fn outcome_value(env: Env, outcome: &ReadOutcome) -> JsResult<Value> {
    let object = numbers_value(
        env,
        &[
            (c"fileSize", outcome.file_size as f64),
            (c"commands", outcome.commands as f64),
            (c"validEnd", outcome.valid_end as f64),
            (c"unitStart", outcome.unit_start as f64),
            (c"unitRecordOffset", outcome.unit_record_offset as f64),
            (c"unitRecordLsn", outcome.unit_record_lsn as f64),
            (c"commandsInOpenUnit", outcome.commands_in_open_unit as f64),
            (c"lsn", outcome.lsn as f64),
            (c"unitLsn", outcome.unit_lsn as f64),
            (c"badOffset", outcome.bad_offset as f64),
            (c"evidenceLsn", outcome.evidence_lsn as f64),
            (c"nextGoodOffset", outcome.next_good_offset as f64),
            (c"recordsAfterBad", f64::from(outcome.records_after_bad)),
            (c"foreignBytes", outcome.foreign_bytes as f64),
            (c"sessions", outcome.sessions as f64),
            (c"blocks", outcome.blocks as f64),
            (c"seconds", outcome.seconds as f64),
        ],
    )?;
    for (name, claim) in [
        (c"openMulti", outcome.open_multi),
        (c"isBadInPlain", outcome.is_bad_in_plain),
        (c"isAnnotated", outcome.is_annotated),
        (c"isBadAfterClose", outcome.is_bad_after_close),
    ] {
        js::set(env, object, name, boolean(env, claim)?)?;
    }
    for (name, text) in [
        (c"status", outcome.status.as_str()),
        (c"found", &outcome.found),
        (c"expected", &outcome.expected),
        (c"endMark", outcome.end_mark.as_str()),
        (c"foreignCut", &outcome.foreign_cut),
    ] {
        js::set(env, object, name, js::string(env, text)?)?;
    }
    Ok(object)
}

fn boolean(env: Env, value: bool) -> JsResult<Value> {
    let mut out = ptr::null_mut();
    // SAFETY: a live environment; `out` outlives the call.
    js::ok(env, unsafe { sys::napi_get_boolean(env, value, &mut out) })?;
    Ok(out)
}
