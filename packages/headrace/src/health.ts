/** `@headrace/handlers/health` under the name of the umbrella package. @module */
export * from '@headrace/handlers/health';
