/** `@headrace/codec/dns` under the name of the umbrella package. @module */
export * from '@headrace/codec/dns';
