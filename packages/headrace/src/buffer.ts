/** `@headrace/core/buffer` under the name of the umbrella package. @module */
export { Buffer, constants, isUtf8 } from '@headrace/core/buffer';
