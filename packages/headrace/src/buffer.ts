/** `@headrace/core/buffer` under the name of the umbrella package. @module */
export * from '@headrace/core/buffer';
