/** `@headrace/core/authoring` under the name of the umbrella package. @module */
export * from '@headrace/core/authoring';
