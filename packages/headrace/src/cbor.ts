/** `@headrace/codec/cbor` under the name of the umbrella package. @module */
export * from '@headrace/codec/cbor';
