import type { System } from './start.ts';

/** In the order of the page. */
export const NAMES = [
  'python-heartbeat',
  'retry-every-second',
  'netty-peer',
  'gateway-worker',
  'many-processes',
  'dubbo-rpc',
  'local-proxy',
  'im-access',
  'empty-packet',
  'alarm-client',
  'short-and-long',
  'oicq-beats',
] as const;

/** Each file of that name exports its `system`. @throws Error if there is none of that name */
export async function loadSystem(name: string): Promise<System> {
  if (!(NAMES as readonly string[]).includes(name)) {
    throw new Error(
      `no system has the name ${JSON.stringify(name)}: it is one of ${NAMES.join(', ')}`,
    );
  }
  const { system } = (await import(/* @vite-ignore */ `./${name}.ts`)) as {
    readonly system: System;
  };
  return system;
}
