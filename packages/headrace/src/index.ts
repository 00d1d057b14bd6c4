/**
 * All of `@headrace/core`, `@headrace/codec` and `@headrace/handlers` in one import. It has no code of its own, so
 * a bundler leaves out everything that a program does not use.
 *
 * @module
 */
export * from '@headrace/codec';
export * from '@headrace/core';
export * from '@headrace/handlers';
