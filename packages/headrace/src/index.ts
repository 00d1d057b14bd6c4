/**
 * All of `@headrace/core`, `@headrace/codec` and `@headrace/handlers` in one import. It has no code of its own: what
 * a program does not use, a bundler leaves out.
 *
 * @module
 */
export * from '@headrace/codec';
export * from '@headrace/core';
export * from '@headrace/handlers';
