/** `@headrace/handlers/call` under the name of the umbrella package. @module */
export * from '@headrace/handlers/call';
