/** `@headrace/core/testing` under the name of the umbrella package. @module */
export * from '@headrace/core/testing';
