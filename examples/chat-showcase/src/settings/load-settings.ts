// Settings come from a JSON file, then from environment variables, which win; checked before anything starts.
import { readFileSync } from 'node:fs';
import { nearestTo } from '@headrace/core/authoring';
import { PREFIX, type Settings, settingsSchema } from './settings.ts';

/** A setting or the file with the settings is wrong: the message names it and the values that are allowed. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

export interface SettingsSources {
  /** A JSON file: `{"netty.tcp.port": 18888}`, or the same nested. */
  readonly file?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Lists with commas, as the text of a variable. */
const LISTS: ReadonlySet<keyof Settings> = new Set([
  'allowedOrigins',
  'trustedProxies',
  'proxyProtocol',
]);

const VARIABLE_PREFIX = 'NETTY_TCP_';
const KEYS = Object.keys(settingsSchema.shape) as (keyof Settings)[];
const VARIABLES = KEYS.map((key) => key.toUpperCase());

export function loadSettings({ file, env = {} }: SettingsSources = {}): Settings {
  const given = { ...(file !== undefined && fromFile(file)), ...fromEnvironment(env) };
  const result = settingsSchema.safeParse(given);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ code, path, message, ...issue }) => {
    if (code === 'unrecognized_keys') {
      const { keys } = issue as { keys: string[] };
      return keys.map((key) => unknownSetting(PREFIX + key)).join('; ');
    }
    const value = path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown>)?.[key],
      given,
    );
    return `${PREFIX}${path.join('.')} is ${JSON.stringify(value)}: ${message}`;
  });
  throw new SettingsError(problems.join('; '));
}

function fromFile(file: string): Record<string, unknown> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new SettingsError(`cannot read the settings in ${file}: ${(error as Error).message}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new SettingsError(`the settings in ${file} must be an object: {"netty.tcp.port": 18888}`);
  }
  const given: Record<string, unknown> = {};
  for (const [name, value] of flatten(content)) {
    if (!name.startsWith(PREFIX)) {
      throw new SettingsError(`in ${file}: ${unknownSetting(name)}`);
    }
    given[name.slice(PREFIX.length)] = value;
  }
  return given;
}

/** `{"netty": {"tcp": {"port": 1}}}` as `netty.tcp.port`; deeper objects are values. */
function flatten(content: object): [string, unknown][] {
  return Object.entries(content).flatMap(([name, value]): [string, unknown][] => {
    const isOuter = `${name}.` === PREFIX || PREFIX.startsWith(`${name}.`);
    if (!isOuter || typeof value !== 'object' || value === null) return [[name, value]];
    return flatten(
      Object.fromEntries(Object.entries(value).map(([key, inner]) => [`${name}.${key}`, inner])),
    );
  });
}

/** `NETTY_TCP_PORT`; `NETTY_TCP_READERIDLESECONDS` and `NETTY_TCP_READER_IDLE_SECONDS` are the same. */
function fromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith(VARIABLE_PREFIX) || text === undefined || text === '') continue;
    const bare = variable.slice(VARIABLE_PREFIX.length).replaceAll('_', '').toLowerCase();
    const key = KEYS.find((one) => one.toLowerCase() === bare);
    if (key === undefined) {
      throw new SettingsError(
        `in the environment: ${unknownSetting(variable, VARIABLE_PREFIX, VARIABLES)}`,
      );
    }
    given[key] = parse(key, text, variable);
  }
  return given;
}

/** @param prefix - of the names as they are written at this place */
function unknownSetting(name: string, prefix = PREFIX, keys: readonly string[] = KEYS): string {
  const nearest = nearestTo(name.startsWith(prefix) ? name.slice(prefix.length) : name, keys);
  const cure =
    nearest === undefined ? `there are ${keys.join(', ')}` : `did you mean ${prefix}${nearest}?`;
  return `unknown setting ${name}; ${cure}`;
}

/** Texts as they are, lists with commas, everything else as JSON. */
function parse(key: keyof Settings, text: string, variable: string): unknown {
  if (key === 'host' || key === 'adminHost') return text;
  if (LISTS.has(key)) return text.split(',').map((entry) => entry.trim());
  try {
    return JSON.parse(text);
  } catch {
    if (key !== 'tokens') return text;
    throw new SettingsError(`${variable} must be JSON: {"ann": "a token"}`);
  }
}
