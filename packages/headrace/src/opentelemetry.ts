/** `@headrace/handlers/opentelemetry` under the name of the umbrella package. @module */
export * from '@headrace/handlers/opentelemetry';
