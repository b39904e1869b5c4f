//! The Node-API surface. The same names in the same order as src/backend/native/binding.ts.
//!
//! Raw Node-API throughout: the hot calls read their arguments from the stack and convert nothing. Each export is a callback
//! in js::export(), which turns errors and panics into exceptions.

mod arguments;
mod js;
mod lock;
mod log;
mod log_methods;
mod progress;
mod reader;
mod status;
mod work;

use std::ffi::CStr;
use std::ptr;

use napi_sys as sys;

/// What `require` of the addon gives, in the order of EXPORTS in src/backend/native/binding.ts.
const EXPORTS: &[(&CStr, sys::napi_callback)] = &[
    (c"openLog", Some(log::open_log)),
    (c"tryFileLock", Some(lock::try_file_lock)),
    (c"openReader", Some(reader::open_reader)),
    #[cfg(feature = "panic-probe")]
    (c"panicProbe", Some(panic_probe)),
];

/// Node calls this once for each environment that loads the addon.
#[no_mangle]
unsafe extern "C" fn napi_register_module_v1(env: js::Env, exports: js::Value) -> js::Value {
    js::export(env, || {
        for (name, call) in EXPORTS {
            let function = js::function(env, name, *call, ptr::null_mut())?;
            js::set(env, exports, name, function)?;
        }
        Ok(exports)
    })
}

/// Node-API version 8: Node 15.12 and later.
#[no_mangle]
extern "C" fn node_api_module_get_api_version_v1() -> i32 {
    8
}

/// For test/hazard: that a panic does not cross.
#[cfg(feature = "panic-probe")]
unsafe extern "C" fn panic_probe(env: js::Env, _info: js::CallbackInfo) -> js::Value {
    js::export(env, || panic!("probe"))
}
