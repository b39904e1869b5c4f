export interface Database { readonly id: number }
export interface Keyspace { readonly databases: readonly Database[] }
