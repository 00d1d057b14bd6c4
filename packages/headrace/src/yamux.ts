/** `@headrace/handlers/yamux` under the name of the umbrella package. @module */
export * from '@headrace/handlers/yamux';
