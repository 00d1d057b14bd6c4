/** `@headrace/codec/msgpack` under the name of the umbrella package. @module */
export * from '@headrace/codec/msgpack';
