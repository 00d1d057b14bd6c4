/** `@headrace/handlers/metrics` under the name of the umbrella package. @module */
export * from '@headrace/handlers/metrics';
