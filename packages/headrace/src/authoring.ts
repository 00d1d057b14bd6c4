/** `@headrace/core/authoring` and `@headrace/codec/authoring` under the name of the umbrella package. @module */
export * from '@headrace/codec/authoring';
export * from '@headrace/core/authoring';
