/**
 * The Buffer for codecs that run in Node and in browsers: `@headrace/core/buffer`. On Node it is Node's own `Buffer`. In a page
 * it is a `Uint8Array` with the methods of Node's `Buffer`, so that a handler is written, tested and published once.
 *
 * @example
 * ```ts run
 * import { Buffer } from '@headrace/core/buffer';
 *
 * console.log(Buffer.from('headrace').toString('hex'));
 * // prints 6865616472616365
 * ```
 * @module
 */
export { Buffer, constants, isUtf8 } from 'node:buffer';
