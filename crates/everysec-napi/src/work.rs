//! Work off the event loop that settles a Promise: libuv's pool, which keeps the process alive meanwhile. For rare, slow
//! steps (open, close, cut); what a log does all the time has threads of its own.

use std::ffi::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;

use everysec_core::error::Failure;
use napi_sys as sys;

use crate::js::{self, Env, JsResult, Thrown, Value};

type Work<T> = Box<dyn FnOnce() -> Result<T, Failure> + Send>;
type Settle<T> = Box<dyn FnOnce(Env, Result<T, Failure>) -> JsResult<Value>>;

struct Job<T> {
    work: Option<Work<T>>,
    /// Err: what a panic said.
    result: Option<Result<Result<T, Failure>, String>>,
    settle: Option<Settle<T>>,
    deferred: sys::napi_deferred,
    handle: sys::napi_async_work,
}

/// Runs `work` on a thread of the pool, then `settle` on the loop with what it returned: its value resolves the promise that
/// this function returns, its error rejects it. When the environment ends first, `settle` may run without any effect on
/// JavaScript, or not at all; then both closures and the result are dropped.
pub fn promise<T: Send + 'static>(
    env: Env,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    settle: impl FnOnce(Env, Result<T, Failure>) -> JsResult<Value> + 'static,
) -> JsResult<Value> {
    let name = js::string(env, "everysec")?;
    let (mut deferred, mut promise) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: a live environment; both results outlive the call.
    js::ok(env, unsafe {
        sys::napi_create_promise(env, &mut deferred, &mut promise)
    })?;
    let job = Box::into_raw(Box::new(Job {
        work: Some(Box::new(work)),
        result: None,
        settle: Some(Box::new(settle)),
        deferred,
        handle: ptr::null_mut(),
    }));
    // SAFETY: `job` lives until complete() takes it back, which is after the last call of execute(); until it is queued only
    // this thread has it. When it cannot be queued, neither of them runs and it is taken back here.
    unsafe {
        let status = sys::napi_create_async_work(
            env,
            ptr::null_mut(),
            name,
            Some(execute::<T>),
            Some(complete::<T>),
            job.cast::<c_void>(),
            &mut (*job).handle,
        );
        let queued = js::ok(env, status).and_then(|()| js::ok(env, sys::napi_queue_async_work(env, (*job).handle)));
        if let Err(thrown) = queued {
            drop(Box::from_raw(job));
            return Err(thrown);
        }
    }
    Ok(promise)
}

/// On a thread of the pool: no Node-API call is allowed here.
unsafe extern "C" fn execute<T>(_env: Env, data: *mut c_void) {
    // SAFETY: `data` is the job of promise(); Node-API lets nobody else touch it between queueing and complete().
    let job = unsafe { &mut *data.cast::<Job<T>>() };
    let Some(work) = job.work.take() else { return };
    let result = catch_unwind(AssertUnwindSafe(work));
    job.result = Some(result.map_err(|panic| format!("panic in the addon: {}", js::panic_text(&*panic))));
}

unsafe extern "C" fn complete<T>(env: Env, _status: sys::napi_status, data: *mut c_void) {
    // SAFETY: `data` is the job of promise(), and this is its last use.
    let job = unsafe { Box::from_raw(data.cast::<Job<T>>()) };
    let Job {
        result,
        settle,
        deferred,
        handle,
        ..
    } = *job;
    let settled = catch_unwind(AssertUnwindSafe(|| match (result, settle) {
        (Some(Ok(result)), Some(settle)) => settle(env, result),
        (Some(Err(text)), Some(settle)) => {
            // It undoes what was begun; what it makes of the failure is not told: a panic is no error of input or output.
            if let Err(thrown) = settle(env, Err(Failure::new(text.as_str()))) {
                let _ = js::error_value(env, thrown);
            }
            Err(Thrown::Coded("AOF_FAILED", text))
        }
        _ => Err(Failure::new("the environment ended before the work began").into()),
    }))
    .unwrap_or_else(|panic| {
        let text = format!("panic in the addon: {}", js::panic_text(&*panic));
        Err(Thrown::Coded("AOF_FAILED", text))
    });
    // SAFETY: the environment of the promise and of the work, each of them settled or deleted once.
    unsafe {
        match settled {
            Ok(value) => {
                sys::napi_resolve_deferred(env, deferred, value);
            }
            Err(thrown) => {
                if let Ok(error) = js::error_value(env, thrown) {
                    sys::napi_reject_deferred(env, deferred, error);
                }
            }
        }
        sys::napi_delete_async_work(env, handle);
    }
}
