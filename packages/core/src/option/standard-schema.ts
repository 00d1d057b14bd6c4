import { DecodeError, OptionError } from '../errors.ts';

/**
 * The common interface of zod, valibot, ArkType and others: a schema with a `~standard` property. A schema of
 * any of them can be given where this type stands.
 *
 * @see https://standardschema.dev
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What Standard Schema defines: the version, the maker, and the check. */
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** The result of a validation: the value, or the issues found. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong with a value, and where. */
export interface SchemaIssue {
  /** The fault, for people. */
  readonly message: string;
  /** The keys that lead to the wrong part. Without it, the whole value is wrong. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Issues shown in an error's text; more are only counted. */
const SHOWN_ISSUES = 3;

/** Returns the option, or throws an {@link OptionError} for a value that is not a Standard Schema. */
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
 * The value as the schema gives it back; a `DecodeError` if it does not fit.
 *
 * @param what - the value, for the error's text
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
