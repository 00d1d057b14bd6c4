/** The entry is the package `@headrace/yamux` now, as this import says. @module */
export * from '@headrace/handlers/yamux';
