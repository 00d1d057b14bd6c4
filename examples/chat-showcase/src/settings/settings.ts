import { trustCheck } from '@headrace/core/authoring';
import { token } from '@headrace/inject';
import { DEFAULT_SETTINGS } from 'headrace-example-broadcast-chat';
import { z } from 'zod';

const seconds = z
  .number()
  .positive()
  .max(86_400 * 24);
const count = z.number().int().positive();
const origin = z.string().refine((text) => URL.canParse(text) && new URL(text).origin === text, {
  error: 'must look like https://chat.example, without a path',
});
/** The trusted proxies. */
const proxies = z.array(
  z
    .string()
    .refine(isPeer, { error: 'must be an IP address, a network such as 10.0.0.0/8, or unix' }),
);

function isPeer(entry: string): boolean {
  try {
    trustCheck('proxies', [entry]);
    return true;
  } catch {
    return false;
  }
}

const fields = z.strictObject({
  enable: z.boolean().default(true),
  host: z.string().min(1).default('127.0.0.1'),
  port: z.number().int().min(0).max(65_535).default(18_888),
  backlog: count.default(1024),
  readerIdleSeconds: seconds.default(DEFAULT_SETTINGS.readerIdleSeconds),
  authSeconds: seconds.default(DEFAULT_SETTINGS.authSeconds),
  maxConnections: count.default(100_000),
  maxConnectionsPerAddress: count.default(1000),
  maxOutboundBytes: count.default(DEFAULT_SETTINGS.maxOutboundBytes),
  adminPort: z.number().int().min(0).max(65_535).optional(),
  adminHost: z.string().min(1).optional(),
  workerThreads: z.number().int().min(1).max(256).default(1),
  allowedOrigins: z.array(origin).default([]),
  trustedProxies: proxies.default([]),
  proxyProtocol: proxies.min(1).optional(),
  tokens: z.record(z.string(), z.string().min(1)).optional(),
});

/** Every setting, with its default: `netty.tcp.` and the key here is its name. */
export const settingsSchema = fields.refine(
  ({ adminPort, workerThreads }) => adminPort === undefined || workerThreads === 1,
  { path: ['adminPort'], error: 'is for one process: needs netty.tcp.workerThreads 1' },
);

export type Settings = z.infer<typeof settingsSchema>;

export const SETTINGS = token<Settings>('settings');

export const PREFIX = 'netty.tcp.';
