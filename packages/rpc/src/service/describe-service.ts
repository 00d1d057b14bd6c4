import { OptionError } from '@headrace/core';
import type { StandardSchema } from '@headrace/core/authoring';
import type { Method } from './method.ts';
import type { JsonSchema, MethodDescription, ServiceDescription } from './service-description.ts';

/** The part of a service that is described. */
export interface DescribedService {
  /** Name of the service. */
  readonly name: string;
  /** Methods of the service by name. */
  readonly methods: Readonly<Record<string, Method>>;
  /** Error codes of the service by name. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Prints a schema as JSON Schema, draft 2020-12, of the values that are sent, before the schema transforms them. */
export type PrintSchema = (schema: StandardSchema) => object | boolean;

/** The converter that libraries with Standard JSON Schema add to their schemas. */
interface Converter {
  readonly jsonSchema?: { input(options: { readonly target: string }): JsonSchema };
}

/** Describes a service by the JSON Schemas of its methods, to keep beside the code and to compare in CI. */
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
