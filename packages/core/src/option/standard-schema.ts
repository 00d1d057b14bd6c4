import { DecodeError, OptionError } from '../errors.ts';

/**
 * The common interface of zod, valibot, ArkType and others: a schema with a `~standard` property. An option of this type
 * accepts a schema of any of these libraries.
 *
 * @see https://standardschema.dev
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** The part that Standard Schema defines: the version, the vendor, and the check. */
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** The result of a validation: the value, or the issues. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** A fault of a value, and its place. */
export interface SchemaIssue {
  /** Description of the fault, for people. */
  readonly message: string;
  /** Keys that lead to the invalid part. Without a path, the whole value is invalid. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Maximum number of issues in an error's text. Further issues are only counted. */
const SHOWN_ISSUES = 3;

/** Returns the option. Throws an {@link OptionError} if it is not a Standard Schema. */
export function checkSchema<S extends StandardSchema | undefined>(schema: S): S {
  if (schema === undefined || typeof schema?.['~standard']?.validate === 'function') return schema;
  throw new OptionError(
    'OPTION_INVALID',
    `schema is ${schema === null ? 'null' : `of type ${typeof schema}`} without ~standard.validate, but must be a ` +
      'Standard Schema, as zod 3.24, valibot 1, ArkType 2 and later make them',
    { option: 'schema' },
  );
}

/**
 * Returns the value that the schema returns. Throws a `DecodeError` if the value does not match the schema.
 *
 * @param what - name of the value, for the error's text
 */
export function validate<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  what = 'a message',
): Output {
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new DecodeError(
      'DECODER_FAILED',
      `the ${schema['~standard'].vendor} schema validates asynchronously; messages are decoded in ` +
        'order and at once: use a schema without asynchronous checks',
    );
  }
  if (result.issues === undefined) return result.value;
  const { issues } = result;
  const shown = issues.slice(0, SHOWN_ISSUES).map(issueText).join('; ');
  const more = issues.length > SHOWN_ISSUES ? `; and ${issues.length - SHOWN_ISSUES} more` : '';
  throw new DecodeError('MESSAGE_INVALID', `${what} does not fit the schema: ${shown}${more}`, {
    issues: issues.length,
    path: pathText(issues[0]),
  });
}

function issueText(issue: SchemaIssue): string {
  const path = pathText(issue);
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}

function pathText(issue: SchemaIssue | undefined): string {
  const path = issue?.path ?? [];
  return path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
}
