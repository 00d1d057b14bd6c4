// Reads the descriptions of services from a file, which is JSON or a module.
import { readFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MethodDescription, ServiceDescription } from '@headrace/rpc';
import { UserError } from './user-error.ts';

const KINDS: readonly unknown[] = [
  'call',
  'stream',
  'notice',
] satisfies MethodDescription['kind'][];

/**
 * Returns the descriptions in a file, each once.
 *
 * @throws UserError for a file that cannot be loaded, has no description, or has two descriptions with the same name
 */
export async function descriptionsIn(file: string, cwd: string): Promise<ServiceDescription[]> {
  const path = resolve(cwd, file);
  const found =
    extname(path) === '.json' ? [inJson(path, file)].flat() : await exported(path, file);
  if (found.length === 0) {
    throw new UserError(
      `${file} exports no service: nothing that defineService made, no description`,
    );
  }
  const byName = new Map<string, ServiceDescription>();
  for (const each of found) {
    const description = checked(each, file);
    const twin = byName.get(description.service);
    if (twin !== undefined && JSON.stringify(twin) !== JSON.stringify(description)) {
      throw new UserError(`${file} has two services with the name ${description.service}`);
    }
    byName.set(description.service, description);
  }
  return [...byName.values()];
}

function inJson(path: string, file: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

async function exported(path: string, file: string): Promise<unknown[]> {
  const exports = Object.values(await loaded(path, file));
  return exports.flat().flatMap((each) => {
    if (isService(each)) return described(each, file);
    return isDescription(each) ? [each] : [];
  });
}

async function loaded(path: string, file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?ts\b/.test(message)) {
      throw new UserError(
        `${file} is TypeScript, or imports it, which Node ${process.versions.node} does not load: ` +
          'use Node 22.18 or newer, give the compiled file, or start with NODE_OPTIONS="--import tsx"',
      );
    }
    throw new UserError(`${file} cannot be loaded: ${message}`);
  }
}

interface Described {
  '~headraceService'(): unknown;
}

/** Returns true for a service of this package, or of another copy of this package. */
function isService(value: unknown): value is Described {
  return isObject(value) && typeof value['~headraceService'] === 'function';
}

function described(service: Described, file: string): unknown {
  try {
    return service['~headraceService']();
  } catch (error) {
    const cure = 'export its description instead, from describeService with a function that prints';
    throw new UserError(`${file}: ${(error as Error).message}; or ${cure}`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDescription(value: unknown): value is ServiceDescription {
  return isObject(value) && typeof value['service'] === 'string' && isObject(value['methods']);
}

function checked(value: unknown, file: string): ServiceDescription {
  if (!isDescription(value)) throw new UserError(`${file} is not a description of a service`);
  for (const [name, method] of Object.entries<unknown>(value.methods)) {
    const isMethod = isObject(method) && KINDS.includes(method['kind']);
    const schemas = isMethod
      ? [method['input'], method['output'] ?? true, method['items'] ?? true]
      : [];
    const areSchemas = schemas.every((each) => typeof each === 'boolean' || isObject(each));
    if (isMethod && areSchemas) continue;
    throw new UserError(
      `${file}: the method ${value.service}.${name} has no kind, or a part that is not a schema`,
    );
  }
  const isNumbered =
    isObject(value.errors) && Object.values(value.errors).every((code) => typeof code === 'number');
  if (isNumbered) return value;
  throw new UserError(`${file}: the errors of ${value.service} are not names with codes`);
}
