/** The entry is the package `@headrace/rpc` now, as this import says. @module */
export * from '@headrace/handlers/service';
