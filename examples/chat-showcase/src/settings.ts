// Settings come from a JSON file, then from environment variables, which win; checked before anything starts.
import { readFileSync } from 'node:fs';
import { DEFAULT_SETTINGS } from 'headrace-example-broadcast-chat';
import { z } from 'zod';

const PREFIX = 'netty.tcp.';
const VARIABLE_PREFIX = 'NETTY_TCP_';

const seconds = z
  .number()
  .positive()
  .max(86_400 * 24);
const count = z.number().int().positive();
const port = z.number().int().min(0).max(65_535);
const origin = z.string().refine((text) => URL.canParse(text) && new URL(text).origin === text, {
  error: 'must look like https://chat.example, without a path',
});

/** Every setting, with its default: `netty.tcp.` and the key here is its name. */
export const settingsSchema = z.strictObject({
  enable: z.boolean().default(true),
  host: z.string().min(1).default('127.0.0.1'),
  port: port.default(18_888),
  backlog: count.default(1024),
  readerIdleSeconds: seconds.default(DEFAULT_SETTINGS.readerIdleSeconds),
  authSeconds: seconds.default(DEFAULT_SETTINGS.authSeconds),
  maxConnections: count.default(100_000),
  maxConnectionsPerAddress: count.default(1000),
  maxOutboundBytes: count.default(DEFAULT_SETTINGS.maxOutboundBytes),
  adminPort: port.optional(),
  adminHost: z.string().min(1).default('127.0.0.1'),
  allowedOrigins: z.array(origin).default([]),
  tokens: z.record(z.string(), z.string().min(1)).optional(),
});

export type Settings = z.infer<typeof settingsSchema>;

/** A setting or the file with the settings is wrong: the message names it and the values that are allowed. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

export interface SettingsSources {
  /** A JSON file: `{"netty.tcp.port": 18888}`. */
  readonly file?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const KEYS = Object.keys(settingsSchema.shape);

export function loadSettings({ file, env = {} }: SettingsSources = {}): Settings {
  const given = { ...(file !== undefined && fromFile(file)), ...fromEnvironment(env) };
  const result = settingsSchema.safeParse(given);
  if (result.success) return result.data;
  const [{ path, message }] = result.error.issues as [z.core.$ZodIssue];
  const [key = ''] = path;
  // A token is not repeated in the log.
  const value = key === 'tokens' ? '' : ` is ${JSON.stringify(given[String(key)])}`;
  throw new SettingsError(`${PREFIX}${path.join('.')}${value}: ${message}`);
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
  const entries = Object.entries(content).map(([name, value]) => {
    const key = KEYS.find((one) => PREFIX + one === name);
    if (key === undefined) throw unknownSetting(name, PREFIX);
    return [key, value] as const;
  });
  return Object.fromEntries(entries);
}

/** `NETTY_TCP_PORT`; `NETTY_TCP_READERIDLESECONDS` and `NETTY_TCP_READER_IDLE_SECONDS` are the same. */
function fromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const [variable, text = ''] of Object.entries(env)) {
    if (!variable.startsWith(VARIABLE_PREFIX) || text === '') continue;
    const bare = variable.slice(VARIABLE_PREFIX.length).replaceAll('_', '').toLowerCase();
    const key = KEYS.find((one) => one.toLowerCase() === bare);
    if (key === undefined) throw unknownSetting(variable, VARIABLE_PREFIX);
    given[key] = parse(key, text);
  }
  return given;
}

function unknownSetting(name: string, prefix: string): SettingsError {
  const names = KEYS.map((key) => (prefix === PREFIX ? key : key.toUpperCase()));
  return new SettingsError(
    `unknown setting ${name}; after ${prefix} there is one of ${names.join(', ')}`,
  );
}

/** Texts as they are, lists with commas, everything else as JSON. */
function parse(key: string, text: string): unknown {
  if (key === 'host' || key === 'adminHost') return text;
  if (key === 'allowedOrigins') return text.split(',').map((entry) => entry.trim());
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
