//! The few words of Node-API that the exports are written in: values in, values out, errors and panics turned into
//! exceptions once, here.
//!
//! Every function of this module that takes an `Env` must be called on the thread of that environment, while a callback from
//! JavaScript (or the completion of asynchronous work) is on the stack: then `env` and the `Value`s got from it are valid.
//! That condition is what "a live environment" means in the SAFETY notes of this crate.

use std::any::Any;
use std::ffi::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;

use everysec_core::error::Failure;
use everysec_core::limits::MAX_ARGUMENTS;
use napi_sys as sys;

pub use sys::{napi_callback_info as CallbackInfo, napi_env as Env, napi_value as Value};

/// What an export fails with; becomes a JavaScript exception or a rejection.
#[derive(Debug)]
pub enum Thrown {
    /// TypeError: a programmer's error of type.
    Type(String),
    /// RangeError: a programmer's error of value.
    Range(String),
    /// Error with the property `code`.
    Coded(&'static str, String),
    /// Error with the properties `errno` (positive, 0 when it is no system call's) and `offset` (-1: none).
    Failed(Failure),
    /// A JavaScript exception is pending already.
    Pending,
}

pub type JsResult<T> = Result<T, Thrown>;

impl From<Failure> for Thrown {
    fn from(failure: Failure) -> Thrown {
        Thrown::Failed(failure)
    }
}

/// Makes `Err` of a status that is not ok.
pub fn ok(env: Env, status: sys::napi_status) -> JsResult<()> {
    if status == sys::Status::napi_ok {
        return Ok(());
    }
    if status == sys::Status::napi_pending_exception || is_exception_pending(env) {
        return Err(Thrown::Pending);
    }
    Err(Thrown::Type(format!("Node-API status {status}")))
}

fn is_exception_pending(env: Env) -> bool {
    let mut pending = false;
    // SAFETY: a live environment; `pending` outlives the call.
    unsafe { sys::napi_is_exception_pending(env, &mut pending) };
    pending
}

/// The frame of every export: runs it, turns a panic into an Error, and throws what it failed with.
pub fn export(env: Env, run: impl FnOnce() -> JsResult<Value>) -> Value {
    let thrown = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => return value,
        Ok(Err(thrown)) => thrown,
        Err(panic) => Thrown::Coded("AOF_FAILED", format!("panic in the addon: {}", panic_text(&*panic))),
    };
    throw(env, thrown);
    ptr::null_mut()
}

/// The frame of a callback that has nobody to throw at (finalizers, hooks, calls from other threads): a panic ends here.
pub fn contain(run: impl FnOnce()) {
    // The panic's message is on standard error already, where the hook of the runtime puts it.
    let _ = catch_unwind(AssertUnwindSafe(run));
}

pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        return text;
    }
    panic.downcast_ref::<String>().map_or("no message", String::as_str)
}

pub fn throw(env: Env, thrown: Thrown) {
    if let Ok(error) = error_value(env, thrown) {
        // SAFETY: a live environment, and a value of it.
        unsafe { sys::napi_throw(env, error) };
    }
}

/// The Error object of a failure. `Pending` takes the pending exception.
pub fn error_value(env: Env, thrown: Thrown) -> JsResult<Value> {
    let mut error = ptr::null_mut();
    match thrown {
        Thrown::Pending => {
            // SAFETY: a live environment; `error` outlives the call.
            ok(env, unsafe { sys::napi_get_and_clear_last_exception(env, &mut error) })?;
        }
        Thrown::Type(message) => {
            let message = string(env, &message)?;
            // SAFETY: a live environment, and a value of it; `error` outlives the call.
            ok(env, unsafe {
                sys::napi_create_type_error(env, ptr::null_mut(), message, &mut error)
            })?;
        }
        Thrown::Range(message) => {
            let message = string(env, &message)?;
            // SAFETY: as above.
            ok(env, unsafe {
                sys::napi_create_range_error(env, ptr::null_mut(), message, &mut error)
            })?;
        }
        Thrown::Coded(code, message) => {
            let (code, message) = (string(env, code)?, string(env, &message)?);
            // SAFETY: as above.
            ok(env, unsafe { sys::napi_create_error(env, code, message, &mut error) })?;
        }
        Thrown::Failed(failure) => {
            let message = string(env, &failure.message)?;
            // SAFETY: as above.
            ok(env, unsafe {
                sys::napi_create_error(env, ptr::null_mut(), message, &mut error)
            })?;
            set(env, error, c"errno", number(env, f64::from(failure.errno))?)?;
            set(env, error, c"offset", number(env, failure.offset as f64)?)?;
        }
    }
    Ok(error)
}

// ------------------------------------------------------------------------------------------------- values out

#[inline]
pub fn number(env: Env, value: f64) -> JsResult<Value> {
    let mut out = ptr::null_mut();
    // SAFETY: a live environment; `out` outlives the call.
    ok(env, unsafe { sys::napi_create_double(env, value, &mut out) })?;
    Ok(out)
}

pub fn string(env: Env, text: &str) -> JsResult<Value> {
    let mut out = ptr::null_mut();
    // SAFETY: a live environment; pointer and length are those of `text`, which is copied.
    ok(env, unsafe {
        sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, &mut out)
    })?;
    Ok(out)
}

pub fn undefined(env: Env) -> JsResult<Value> {
    let mut out = ptr::null_mut();
    // SAFETY: a live environment; `out` outlives the call.
    ok(env, unsafe { sys::napi_get_undefined(env, &mut out) })?;
    Ok(out)
}

pub fn null(env: Env) -> JsResult<Value> {
    let mut out = ptr::null_mut();
    // SAFETY: as above.
    ok(env, unsafe { sys::napi_get_null(env, &mut out) })?;
    Ok(out)
}

pub fn object(env: Env) -> JsResult<Value> {
    let mut out = ptr::null_mut();
    // SAFETY: as above.
    ok(env, unsafe { sys::napi_create_object(env, &mut out) })?;
    Ok(out)
}

pub fn set(env: Env, object: Value, name: &std::ffi::CStr, value: Value) -> JsResult<()> {
    // SAFETY: a live environment and values of it; `name` ends with NUL.
    ok(env, unsafe {
        sys::napi_set_named_property(env, object, name.as_ptr(), value)
    })
}

/// A function object. `data` comes back from `args`; the caller keeps it valid as long as the function lives.
pub fn function(env: Env, name: &std::ffi::CStr, call: sys::napi_callback, data: *mut c_void) -> JsResult<Value> {
    let mut out = ptr::null_mut();
    // SAFETY: a live environment; `name` ends with NUL (length -1 says so); `call` is one of our callbacks.
    ok(env, unsafe {
        sys::napi_create_function(env, name.as_ptr(), -1, call, data, &mut out)
    })?;
    Ok(out)
}

// -------------------------------------------------------------------------------------------------- values in

/// The first N arguments (undefined where there are fewer) and the function's data pointer.
#[inline]
pub fn args<const N: usize>(env: Env, info: CallbackInfo) -> JsResult<([Value; N], *mut c_void)> {
    let mut values = [ptr::null_mut(); N];
    let mut count = N;
    let mut data = ptr::null_mut();
    // SAFETY: a live environment and the info of this very call; `values` has room for `count`.
    let status =
        unsafe { sys::napi_get_cb_info(env, info, &mut count, values.as_mut_ptr(), ptr::null_mut(), &mut data) };
    ok(env, status)?;
    Ok((values, data))
}

/// A number; TypeError names the argument otherwise.
#[inline]
pub fn get_number(env: Env, value: Value, what: &str) -> JsResult<f64> {
    let mut out = 0.0;
    // SAFETY: a live environment and a value of it; `out` outlives the call.
    if unsafe { sys::napi_get_value_double(env, value, &mut out) } != sys::Status::napi_ok {
        return Err(Thrown::Type(format!("{what} must be a number")));
    }
    Ok(out)
}

/// An integer from 0 to `max`; RangeError otherwise. `max` is at most 2^53.
#[inline]
pub fn get_integer(env: Env, value: Value, max: u64, what: &str) -> JsResult<u64> {
    let number = get_number(env, value, what)?;
    let integer = number as u64;
    if integer as f64 != number || integer > max {
        return Err(Thrown::Range(format!(
            "{what} must be an integer from 0 to {max}, got {number}"
        )));
    }
    Ok(integer)
}

pub fn get_boolean(env: Env, value: Value, what: &str) -> JsResult<bool> {
    let mut out = false;
    // SAFETY: a live environment and a value of it; `out` outlives the call.
    if unsafe { sys::napi_get_value_bool(env, value, &mut out) } != sys::Status::napi_ok {
        return Err(Thrown::Type(format!("{what} must be a boolean")));
    }
    Ok(out)
}

pub fn get_string(env: Env, value: Value, what: &str) -> JsResult<String> {
    let mut length = 0;
    // SAFETY: a live environment and a value of it; a null buffer asks for the length.
    let status = unsafe { sys::napi_get_value_string_utf8(env, value, ptr::null_mut(), 0, &mut length) };
    if status != sys::Status::napi_ok {
        return Err(Thrown::Type(format!("{what} must be a string")));
    }
    let mut bytes = vec![0_u8; length + 1];
    let mut written = 0;
    // SAFETY: as above; `bytes` has room for `length` bytes and the NUL.
    let status =
        unsafe { sys::napi_get_value_string_utf8(env, value, bytes.as_mut_ptr().cast(), bytes.len(), &mut written) };
    ok(env, status)?;
    bytes.truncate(written);
    String::from_utf8(bytes).map_err(|_| Thrown::Type(format!("{what} is no text")))
}

/// The elements of an array. May run JavaScript, if the array has getters.
pub fn elements(env: Env, array: Value) -> JsResult<Vec<Value>> {
    let mut is_array = false;
    // SAFETY: a live environment and a value of it; `is_array` outlives the call.
    ok(env, unsafe { sys::napi_is_array(env, array, &mut is_array) })?;
    if !is_array {
        return Err(Thrown::Type("argv must be an array".to_string()));
    }
    let mut length = 0;
    // SAFETY: as above.
    ok(env, unsafe { sys::napi_get_array_length(env, array, &mut length) })?;
    if length as usize > MAX_ARGUMENTS {
        return Err(Thrown::Range(format!(
            "a command has 1 to {MAX_ARGUMENTS} arguments, got {length}"
        )));
    }
    let mut values = Vec::with_capacity(length as usize);
    for i in 0..length {
        let mut value = ptr::null_mut();
        // SAFETY: as above.
        ok(env, unsafe { sys::napi_get_element(env, array, i, &mut value) })?;
        values.push(value);
    }
    Ok(values)
}
