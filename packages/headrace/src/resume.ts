/** `@headrace/handlers/resume` under the name of the umbrella package. @module */
export * from '@headrace/handlers/resume';
