/** A sample's imports of Node's modules are always what their default exports have: see the worker. */
export function syncBuiltinESMExports(): void {}
