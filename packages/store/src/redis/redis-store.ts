import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { RedisAccess } from '@headrace/bus/redis';
import { EncodeError } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { OpenedLimits } from '../contract/opened-limits.ts';

/** A Lua script, which Redis executes as one step. */
export class RedisScript {
  readonly lua: string;
  readonly sha: string;

  constructor(lua: string) {
    this.lua = lua;
    this.sha = createHash('sha1').update(lua).digest('hex');
  }
}

/** Maximum number of entries in one answer, because Redis does nothing else meanwhile. */
export const MAX_PAGE = 1000;

/** The scripts of one store, and the limits of the open streams, over one link. */
export class RedisStore<Limits> {
  private readonly parts: RedisAccess;
  private readonly scripts: readonly RedisScript[];
  private readonly limits = new OpenedLimits<Limits>();
  private loading: Promise<unknown> | undefined = undefined;

  constructor(parts: RedisAccess, scripts: readonly RedisScript[]) {
    this.parts = parts;
    this.scripts = scripts;
  }

  async open(stream: string, limits: Limits): Promise<void> {
    // A server that loads its files still refuses. The next call asks again.
    this.loading ??= this.load().catch((thrown: unknown) => {
      this.loading = undefined;
      throw toError(thrown);
    });
    await this.loading;
    this.limits.open(stream, limits);
  }

  /** Returns the limits of an open stream. */
  limitsOf(stream: string): Limits {
    return this.limits.of(stream);
  }

  async run(
    { sha }: RedisScript,
    keys: readonly string[],
    values: readonly (string | Buffer)[],
  ): Promise<Buffer[]> {
    const { client, lose, types, maxBytes: most = Number.POSITIVE_INFINITY } = this.parts;
    const longest = Math.max(...values.map(({ length }) => length));
    if (longest > most) throw tooLong(longest, most);
    const command = ['EVALSHA', sha, String(keys.length), ...keys, ...values];
    const typeMapping = { [types.BLOB_STRING]: Buffer };
    try {
      return await client.sendCommand<Buffer[]>(command, { typeMapping });
    } catch (thrown) {
      const error = toError(thrown);
      // The server closes the connection after this answer, and would do so each time.
      if (error.message.includes('invalid bulk length')) throw tooLong(longest);
      // The scripts were cleared on the server, or the server has become a replica. Over a new link, everything is repeated in
      // order.
      if (/^(NOSCRIPT|READONLY)/.test(error.message)) lose(error);
      throw error;
    }
  }

  private async load(): Promise<void> {
    const { client } = this.parts;
    await Promise.all(this.scripts.map(({ lua }) => client.sendCommand(['SCRIPT', 'LOAD', lua])));
  }
}

function tooLong(length: number, max?: number): EncodeError {
  const text = `a message of ${length} bytes is longer than Redis reads${max === undefined ? '' : ` (${max})`}: raise its proto-max-bulk-len`;
  return new EncodeError('MESSAGE_TOO_LONG', text, { length, ...(max !== undefined && { max }) });
}

/** Returns the text of a part of an answer. */
export function text(bytes: Buffer | undefined): string {
  return bytes === undefined ? '' : String(bytes);
}
