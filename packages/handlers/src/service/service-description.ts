/** JSON Schema, draft 2020-12, as the library of the schema prints it. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

/** A method of a service as a document describes it, by JSON Schemas. */
export interface MethodDescription {
  readonly kind: 'call' | 'stream' | 'notice';
  /** What the caller gives. */
  readonly input: JsonSchema;
  /** The answer of a call, an item of a stream; absent for a notice. */
  readonly output?: JsonSchema;
  /** The items that the caller sends, if it sends any. */
  readonly items?: JsonSchema;
  /** Its clients may repeat it. @default false */
  readonly idempotent?: boolean;
}

/** A service as a document describes it, to be compared with its older versions. */
export interface ServiceDescription {
  /** The name of the service. */
  readonly service: string;
  /** Its methods by their names. */
  readonly methods: Readonly<Record<string, MethodDescription>>;
  /** Names of errors, and their codes. */
  readonly errors: Readonly<Record<string, number>>;
}
