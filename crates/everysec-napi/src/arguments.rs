//! JavaScript values as arguments of a record: strings as UTF-8 straight into the block, bytes copied, numbers as String(n).
//!
//! Nothing here runs JavaScript: strings, typed arrays and numbers are read without calling into the program. So the block
//! cannot change under a record that is being written.

use std::ptr;

use everysec_core::block_buffer::{BlockBuffer, BlockSink};
use everysec_core::limits::{MAX_ARGUMENTS, MAX_ARGUMENT_BYTES, MAX_RECORD_BYTES};
use everysec_core::resp::encode::{argument_len, decimal_len, header_len, Full, RecordWriter};
use napi_sys as sys;

use crate::js::{self, Env, JsResult, Thrown, Value};

/// A UTF-8 character's bytes at most: a string that ends closer to the end of its room may have been cut off.
const MAX_CHARACTER_BYTES: usize = 4;
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// Appends one record; returns the LSN after it. An error has appended nothing.
#[inline]
pub fn append<S: BlockSink>(env: Env, buffer: &mut BlockBuffer<S>, argv: &[Value]) -> JsResult<u64> {
    if argv.is_empty() || argv.len() > MAX_ARGUMENTS {
        let count = argv.len();
        return Err(Thrown::Range(format!(
            "a command has 1 to {MAX_ARGUMENTS} arguments, got {count}"
        )));
    }
    match write_record(env, buffer.room(), argv) {
        Ok(size) => Ok(buffer.commit(size)),
        Err(Stop::Full) => append_measured(env, buffer, argv),
        Err(Stop::Thrown(thrown)) => Err(thrown),
    }
}

enum Stop {
    Full,
    Thrown(Thrown),
}

impl From<Full> for Stop {
    #[inline]
    fn from(_: Full) -> Stop {
        Stop::Full
    }
}

impl From<Thrown> for Stop {
    fn from(thrown: Thrown) -> Stop {
        Stop::Thrown(thrown)
    }
}

#[inline]
fn write_record(env: Env, room: &mut [u8], argv: &[Value]) -> Result<usize, Stop> {
    let mut record = RecordWriter::begin(room, argv.len())?;
    for (i, value) in argv.iter().enumerate() {
        // Names are short; keys and values mostly have 10 to 99 bytes.
        let likely_digits = if i == 0 { 1 } else { 2 };
        write_argument(env, &mut record, *value, i, likely_digits)?;
    }
    Ok(record.len())
}

#[inline]
fn write_argument(
    env: Env,
    record: &mut RecordWriter<'_>,
    value: Value,
    i: usize,
    likely_digits: usize,
) -> Result<(), Stop> {
    let mut is_string = true;
    let written = record.string_in_place(likely_digits, |room| {
        let mut length = 0;
        // SAFETY: a live environment and a value of it; at most `room.len()` bytes are written, the NUL included.
        let status =
            unsafe { sys::napi_get_value_string_utf8(env, value, room.as_mut_ptr().cast(), room.len(), &mut length) };
        is_string = status == sys::Status::napi_ok;
        (is_string && length + MAX_CHARACTER_BYTES < room.len()).then_some(length)
    });
    if is_string {
        return written.map_err(Stop::from);
    }
    write_other(env, record, value, i)
}

fn write_other(env: Env, record: &mut RecordWriter<'_>, value: Value, i: usize) -> Result<(), Stop> {
    if let Some(bytes) = uint8_array(env, value) {
        // SAFETY: see uint8_array(); no JavaScript runs while the slice is used.
        return Ok(record.bytes(unsafe { bytes.as_slice() })?);
    }
    let mut number = 0.0;
    // SAFETY: a live environment and a value of it; `number` outlives the call.
    if unsafe { sys::napi_get_value_double(env, value, &mut number) } != sys::Status::napi_ok {
        return Err(Stop::Thrown(no_argument(i)));
    }
    if is_plain_integer(number) {
        return Ok(record.integer(number as i64)?);
    }
    let text = coerce_to_string(env, value)?;
    write_argument(env, record, text, i, 2)
}

/// The way for records that may not fit into the filling block: every length first, then the bytes.
#[cold]
fn append_measured<S: BlockSink>(env: Env, buffer: &mut BlockBuffer<S>, argv: &[Value]) -> JsResult<u64> {
    let mut size = header_len(argv.len());
    let mut lengths = Vec::with_capacity(argv.len());
    for (i, value) in argv.iter().enumerate() {
        let length = measure(env, *value, i)?;
        if length > MAX_ARGUMENT_BYTES {
            let text = format!("argument {i} has {length} bytes, at most {MAX_ARGUMENT_BYTES} are possible");
            return Err(Thrown::Range(text));
        }
        size += argument_len(length);
        lengths.push(length);
    }
    if size > MAX_RECORD_BYTES {
        let text = format!("the record would have {size} bytes, at most {MAX_RECORD_BYTES} are possible");
        return Err(Thrown::Range(text));
    }
    let room = &mut buffer.room_for(size)[..size];
    match write_measured(env, room, argv, &lengths) {
        Ok(written) if written == size => Ok(buffer.commit(size)),
        Err(Stop::Thrown(thrown)) => Err(thrown),
        _ => Err(Thrown::Coded(
            "AOF_FAILED",
            "an argument changed its length while it was encoded".to_string(),
        )),
    }
}

fn write_measured(env: Env, room: &mut [u8], argv: &[Value], lengths: &[usize]) -> Result<usize, Stop> {
    let mut record = RecordWriter::begin(room, argv.len())?;
    for (i, (value, length)) in argv.iter().zip(lengths).enumerate() {
        let mut is_string = true;
        let written = record.string_in_place(decimal_len(*length), |room| {
            let mut found = 0;
            // One more for the NUL, which the CRLF overwrites.
            let room = room.get_mut(..length + 1)?;
            // SAFETY: a live environment and a value of it; at most `room.len()` bytes are written.
            let status = unsafe {
                sys::napi_get_value_string_utf8(env, *value, room.as_mut_ptr().cast(), room.len(), &mut found)
            };
            is_string = status == sys::Status::napi_ok;
            (is_string && found == *length).then_some(found)
        });
        match written {
            Err(Full) if !is_string => write_other_measured(env, &mut record, *value, i, *length)?,
            written => written?,
        }
    }
    Ok(record.len())
}

fn write_other_measured(
    env: Env,
    record: &mut RecordWriter<'_>,
    value: Value,
    i: usize,
    length: usize,
) -> Result<(), Stop> {
    if let Some(bytes) = uint8_array(env, value) {
        // SAFETY: see uint8_array(); no JavaScript runs while the slice is used.
        return Ok(record.bytes(unsafe { bytes.as_slice() })?);
    }
    // A number is short: its text is made once more.
    let text = js::get_string(env, coerce_to_string(env, value)?, "a number's text")?;
    if text.len() != length {
        return Err(Stop::Thrown(no_argument(i)));
    }
    Ok(record.bytes(text.as_bytes())?)
}

fn measure(env: Env, value: Value, i: usize) -> JsResult<usize> {
    let mut length = 0;
    // SAFETY: a live environment and a value of it; a null buffer asks for the length.
    let status = unsafe { sys::napi_get_value_string_utf8(env, value, ptr::null_mut(), 0, &mut length) };
    if status == sys::Status::napi_ok {
        return Ok(length);
    }
    if let Some(bytes) = uint8_array(env, value) {
        return Ok(bytes.length);
    }
    let mut number = 0.0;
    // SAFETY: as above; `number` outlives the call.
    if unsafe { sys::napi_get_value_double(env, value, &mut number) } != sys::Status::napi_ok {
        return Err(no_argument(i));
    }
    Ok(js::get_string(env, coerce_to_string(env, value)?, "a number's text")?.len())
}

/// Memory of a Uint8Array. Belongs to JavaScript: valid until JavaScript runs again.
#[derive(Clone, Copy)]
pub struct ByteView {
    data: *const u8,
    pub length: usize,
}

impl ByteView {
    /// [from, to) of it; None where there are no bytes.
    #[inline]
    pub fn range(self, from: f64, to: f64) -> Option<ByteView> {
        let (start, end) = (from as usize, to as usize);
        let is_exact = start as f64 == from && end as f64 == to;
        if !is_exact || start >= end || end > self.length {
            return None;
        }
        // SAFETY: `start` lies within the memory of the array, which is one allocation.
        let data = unsafe { self.data.add(start) };
        Some(ByteView {
            data,
            length: end - start,
        })
    }

    /// # Safety
    /// No JavaScript may run between uint8_array() and the last use of the slice. Where the memory is a SharedArrayBuffer,
    /// another thread may write it meanwhile: the bytes are only ever copied or compared, so that such a race garbles the
    /// record of the program that made it, and nothing else.
    #[inline]
    pub unsafe fn as_slice<'a>(self) -> &'a [u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: Node-API gave this pointer and this length for one typed array.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }
}

/// None: it is no Uint8Array.
#[inline]
pub fn uint8_array(env: Env, value: Value) -> Option<ByteView> {
    let mut kind = -1;
    let mut length = 0;
    let mut data = ptr::null_mut();
    // SAFETY: a live environment and a value of it; the results outlive the call, the ones left out are null.
    let status = unsafe {
        sys::napi_get_typedarray_info(
            env,
            value,
            &mut kind,
            &mut length,
            &mut data,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    let is_bytes = status == sys::Status::napi_ok && kind == sys::TypedarrayType::uint8_array;
    is_bytes.then_some(ByteView {
        data: data.cast_const().cast(),
        length,
    })
}

/// Whether String(n) is its plain decimal digits.
fn is_plain_integer(number: f64) -> bool {
    number.abs() <= MAX_SAFE_INTEGER && number.trunc() == number
}

/// Of a number, which runs no JavaScript.
fn coerce_to_string(env: Env, number: Value) -> JsResult<Value> {
    let mut text = ptr::null_mut();
    // SAFETY: a live environment and a value of it; `text` outlives the call.
    js::ok(env, unsafe { sys::napi_coerce_to_string(env, number, &mut text) })?;
    Ok(text)
}

fn no_argument(i: usize) -> Thrown {
    Thrown::Type(format!("argument {i} must be a string, a Uint8Array or a number"))
}
