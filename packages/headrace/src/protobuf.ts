/** `@headrace/codec/protobuf` under the name of the umbrella package. @module */
export * from '@headrace/codec/protobuf';
