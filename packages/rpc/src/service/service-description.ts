/** JSON Schema, draft 2020-12, as the library of the schema prints it. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

/** A method of a service in a document, described by JSON Schemas. */
export interface MethodDescription {
  readonly kind: 'call' | 'stream' | 'notice';
  /** Schema of the caller's input. */
  readonly input: JsonSchema;
  /** Schema of the answer of a call, or of an item of a stream. Absent for a notice. */
  readonly output?: JsonSchema;
  /** Schema of the items that the caller sends, if any. */
  readonly items?: JsonSchema;
  /** Whether clients may repeat the call, or continue the stream by another call. @default false */
  readonly idempotent?: boolean;
}

/** A service in a document, to be compared with its older versions. */
export interface ServiceDescription {
  /** Name of the service. */
  readonly service: string;
  /** Methods of the service by name. */
  readonly methods: Readonly<Record<string, MethodDescription>>;
  /** Error codes of the service by name. */
  readonly errors: Readonly<Record<string, number>>;
}
