//! The Node-API surface. The same names in the same order as src/backend/native/binding.ts.
