//! status(): the numbers of a log in a Float64Array. The indexes are those of Status in src/backend/backend.ts.

use std::ptr;

use everysec_core::fs::LogFile;
use everysec_core::log_state::{State, HISTOGRAM_BUCKETS};
use napi_sys as sys;

use crate::js::{Env, JsResult, Thrown, Value};

const LENGTH: usize = 64;
const HISTOGRAM: usize = 32;

const _: () = assert!(HISTOGRAM + HISTOGRAM_BUCKETS <= LENGTH);

/// The memory of the caller's array. Belongs to JavaScript: to be used before JavaScript runs again.
pub fn slots<'a>(env: Env, out: Value) -> JsResult<&'a mut [f64]> {
    let (mut kind, mut length, mut data) = (-1, 0, ptr::null_mut());
    // SAFETY: a live environment and a value of it; the results outlive the call, the ones left out are null.
    let status = unsafe {
        sys::napi_get_typedarray_info(
            env,
            out,
            &mut kind,
            &mut length,
            &mut data,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    if status != sys::Status::napi_ok || kind != sys::TypedarrayType::float64_array || length < LENGTH {
        return Err(Thrown::Type(format!(
            "status() fills a Float64Array of length {LENGTH}"
        )));
    }
    // SAFETY: Node-API gave the memory of a Float64Array, which is aligned for doubles, with at least LENGTH of them.
    Ok(unsafe { std::slice::from_raw_parts_mut(data.cast::<f64>(), LENGTH) })
}

pub fn fill<F: LogFile>(out: &mut [f64], state: &State<F>, appended_lsn: u64, filling_bytes: u64) {
    let (fault, errno) = state.fault();
    let unwritten = state.unwritten_bytes() + filling_bytes;
    let numbers = [
        appended_lsn as f64,
        state.written_lsn as f64,
        state.synced_lsn as f64,
        state.target.written_offset as f64,
        state.target.synced_offset as f64,
        (state.queued_bytes + state.retained_bytes + filling_bytes) as f64,
        unwritten as f64,
        f64::from(u8::from(state.is_writing())),
        f64::from(u8::from(state.is_syncing())),
        f64::from(fault as u8),
        f64::from(errno),
        state.write.count as f64,
        state.sync.count as f64,
        state.write.last_micros as f64,
        state.sync.last_micros as f64,
        f64::from(state.stage as u8),
        state.write.age_micros() as f64,
        state.sync.age_micros() as f64,
        (state.written_total - state.retaken_total) as f64,
    ];
    out[..numbers.len()].copy_from_slice(&numbers);
    for (slot, count) in out[HISTOGRAM..].iter_mut().zip(state.sync_histogram) {
        *slot = count as f64;
    }
}
