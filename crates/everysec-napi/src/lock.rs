//! `tryFileLock(path)`: flock on an existing file. Returns the function that releases it, or null when somebody holds it.
//! The lock is held until then, at the latest until that function is collected; the TypeScript side keeps it alive.

use std::cell::RefCell;
use std::ffi::c_void;
use std::path::Path;
use std::ptr;

use everysec_core::fs::os::FileLock;
use napi_sys as sys;

use crate::js::{self, CallbackInfo, Env, Value};

type Held = RefCell<Option<FileLock>>;

pub unsafe extern "C" fn try_file_lock(env: Env, info: CallbackInfo) -> Value {
    js::export(env, || {
        let ([path], _) = js::args::<1>(env, info)?;
        let path = js::get_string(env, path, "path")?;
        let Some(lock) = FileLock::try_lock(Path::new(&path))? else {
            return js::null(env);
        };
        let held = Box::into_raw(Box::new(Held::new(Some(lock)))).cast::<c_void>();
        let function = js::function(env, c"release", Some(release), held)?;
        // SAFETY: a live environment and a value of it; the box belongs to this one function object from here on.
        js::ok(env, unsafe {
            sys::napi_add_finalizer(env, function, held, Some(drop_lock), ptr::null_mut(), ptr::null_mut())
        })?;
        Ok(function)
    })
}

unsafe extern "C" fn release(env: Env, info: CallbackInfo) -> Value {
    js::export(env, || {
        let ([], held) = js::args::<0>(env, info)?;
        // SAFETY: the box of try_file_lock(), which lives as long as this function.
        drop(unsafe { &*held.cast::<Held>() }.borrow_mut().take());
        js::undefined(env)
    })
}

unsafe extern "C" fn drop_lock(_env: Env, held: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the box of try_file_lock(); the finalizer of its function runs once.
    js::contain(|| drop(unsafe { Box::from_raw(held.cast::<Held>()) }));
}
