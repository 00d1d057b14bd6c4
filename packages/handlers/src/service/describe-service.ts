import { OptionError } from '@headrace/core';
import type { StandardSchema } from '@headrace/core/authoring';
import type { Method } from './method.ts';
import type { JsonSchema, MethodDescription, ServiceDescription } from './service-description.ts';

/** The part of a service that is described. */
export interface DescribedService {
  /** The name of the service. */
  readonly name: string;
  /** Its methods by their names. */
  readonly methods: Readonly<Record<string, Method>>;
  /** The codes of its errors by their names. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Prints a schema as JSON Schema, draft 2020-12: of the values that are sent, before anything is made of them. */
export type PrintSchema = (schema: StandardSchema) => object | boolean;

/** The converter that libraries with Standard JSON Schema have at their schemas. */
interface Converter {
  readonly jsonSchema?: { input(options: { readonly target: string }): JsonSchema };
}

/** Describes a service by the JSON Schemas of its methods, to be kept beside the code and compared in CI. */
export function describe(
  service: DescribedService,
  print: PrintSchema = printed,
): ServiceDescription {
  const methods = Object.entries(service.methods).map(
    ([name, method]) => [name, describeMethod(method, print)] as const,
  );
  return { service: service.name, methods: Object.fromEntries(methods), errors: service.errors };
}

function describeMethod(
  { kind, input, output, items, idempotent }: Method,
  print: PrintSchema,
): MethodDescription {
  const schemaOf = (schema: StandardSchema) => print(schema) as JsonSchema;
  return {
    kind,
    input: schemaOf(input),
    ...(output === undefined ? {} : { output: schemaOf(output) }),
    ...(items === undefined ? {} : { items: schemaOf(items) }),
    ...(idempotent ? { idempotent } : {}),
  };
}

function printed(schema: StandardSchema): JsonSchema {
  const standard = schema['~standard'];
  const { jsonSchema } = standard as Converter;
  if (jsonSchema !== undefined) return jsonSchema.input({ target: 'draft-2020-12' });
  const text =
    `a schema of ${standard.vendor} prints no JSON Schema by itself (~standard.jsonSchema): ` +
    'give describeService a function that does';
  throw new OptionError('OPTION_INVALID', text, { option: 'print' });
}
