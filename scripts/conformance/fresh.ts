// `node … scripts/conformance/fresh.ts SEED [COUNT]` compares our decoder of PROXY headers with the real Netty (Debian's
// libnetty-java) on new input, and prints the seed. The vectors of the packages have one seed for ever, which a model of Netty's
// rules can fit by chance.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { randomFrom } from '../../packages/core/test/fixture/random.ts';
import { runConformance } from './run.ts';

const COUNT = 20_000;
const JARS = '/usr/share/java';
const ORACLE = fileURLToPath(new URL('HaproxyOracle.java', import.meta.url));
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const ADDRESS_BYTES = [0, 12, 36, 216];

/** One input for both decoders. */
interface Input {
  readonly config: { readonly maxTlvSize: number | null; readonly failFast: boolean };
  readonly chunks: readonly string[];
}

/** Inputs of one seed. */
class Inputs {
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  next(): Input {
    const header = this.below(5) === 0 ? this.line() : this.block();
    const bytes = Buffer.concat([header, this.bytes(this.below(3) === 0 ? this.below(40) : 0)]);
    return {
      config: {
        maxTlvSize: this.one([null, null, -1, 0, 16, 40, 100, 70_000]),
        failFast: this.below(2) === 0,
      },
      chunks: this.cut(bytes),
    };
  }

  private below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  private one<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  private bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  private cut(bytes: Buffer): string[] {
    const most = this.one([1, 3, 20, 400]);
    const chunks: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = most === 1 ? bytes.length : at + 1 + this.below(most);
      chunks.push(bytes.toString('hex', at, end));
      at = end;
    }
    return chunks;
  }

  private line(): Buffer {
    const isV6 = this.below(3) === 0;
    const host = (): string =>
      isV6
        ? Array.from({ length: 8 }, () => this.below(65_536).toString(16)).join(':')
        : Array.from({ length: 4 }, () => this.below(this.below(20) === 0 ? 300 : 256)).join('.');
    const port = (): string => this.one(['', '', '', '', '0', '+']) + String(this.below(66_000));
    const words = [
      this.below(30) === 0 ? 'PROXY2' : 'PROXY',
      this.below(10) === 0 ? 'UNKNOWN' : isV6 ? 'TCP6' : 'TCP4',
      ...[host(), host(), port(), port()].slice(0, this.below(20) === 0 ? this.below(4) : 4),
    ];
    return Buffer.from(words.join(' ') + this.one(['\r\n', '\r\n', '\r\n', '\n', ' \r\n', '']));
  }

  private block(): Buffer {
    const family = this.below(4);
    const version = this.below(40) === 0 ? this.below(256) : this.one([0x20, 0x21, 0x21, 0x21]);
    const transport = this.below(40) === 0 ? this.below(16) : family === 0 ? 0 : 1 + this.below(2);
    const addresses = family === 3 ? this.paths() : this.bytes(ADDRESS_BYTES[family]!);
    const content = Buffer.concat([addresses, this.tlvs(0)]);
    const head = Buffer.from([version, family * 16 + transport, 0, 0]);
    const isWrong = this.below(30) === 0;
    head.writeUInt16BE(Math.max(0, content.length + (isWrong ? this.below(20) - 10 : 0)), 2);
    return Buffer.concat([SIGNATURE, head, content]);
  }

  private paths(): Buffer {
    const paths = Buffer.alloc(216);
    for (const at of [0, 108])
      paths.set(
        this.bytes(this.below(40)).map((byte) => 97 + (byte % 26)),
        at,
      );
    return paths;
  }

  /** TLVs; now and then the last one is cut off, anywhere. */
  private tlvs(depth: number): Buffer {
    const parts = Array.from({ length: this.below(4) }, () => this.tlv(depth));
    if (this.below(4) > 0) return Buffer.concat(parts);
    const last = this.tlv(depth);
    return Buffer.concat([...parts, last.subarray(0, this.below(Math.min(8, last.length)))]);
  }

  private tlv(depth: number): Buffer {
    const type = this.one([1, 2, 3, 4, 5, 32, 32, 33, 34, 48, this.below(256)]);
    const isSsl = type === 32 && depth < 3 && this.below(10) > 0;
    const value = isSsl
      ? Buffer.concat([this.bytes(1), Buffer.from([0, 0, 0, this.below(2)]), this.tlvs(depth + 1)])
      : this.bytes(this.one([0, 1, 4, 4, this.below(20)]));
    const head = Buffer.from([type, 0, 0]);
    head.writeUInt16BE(
      Math.max(0, value.length + (this.below(40) === 0 ? this.below(9) - 4 : 0)),
      1,
    );
    return Buffer.concat([head, value]);
  }
}

/** What the real Netty does with each input. */
function byNetty(inputs: readonly Input[]): unknown[] {
  const isNeeded = (file: string): boolean =>
    /^(netty-(?!all)[a-z-]+|jctools-core)\.jar$/.test(file);
  const jars = existsSync(JARS) ? readdirSync(JARS).filter(isNeeded) : [];
  if (!jars.includes('netty-codec-haproxy.jar')) {
    throw new Error('needs Netty: apt-get install libnetty-java default-jdk-headless');
  }
  const path = jars.map((jar) => join(JARS, jar)).join(delimiter);
  const input = inputs
    .map(({ config, chunks }) => `${config.maxTlvSize} ${config.failFast} ${chunks.join()}`)
    .join('\n');
  const { stdout, stderr, error } = spawnSync('java', ['-cp', path, ORACLE], {
    input,
    maxBuffer: 2 ** 30,
  });
  const lines = String(stdout).trim().split('\n');
  if (error !== undefined || lines.length !== inputs.length) {
    throw new Error(`${lines.length} answers of Netty to ${inputs.length}: ${stderr}`, {
      cause: error,
    });
  }
  return lines.map((line) => JSON.parse(line) as unknown);
}

/** Compares with Netty on `count` inputs of a seed; returns the exit code. */
export function runFresh(seed: number, count = COUNT): number {
  const source = new Inputs(seed);
  const inputs = Array.from({ length: count }, () => source.next());
  const cases = byNetty(inputs).map((events, at) => {
    const { config, chunks } = inputs[at]!;
    // Netty gets no chunk after a close.
    const fed = chunks.slice(0, (events as unknown[]).length - 1);
    const isAccident = JSON.stringify(events).includes('"DecoderException"');
    return { config, chunks: fed, events, ...(isAccident ? { unportable: 'an index' } : {}) };
  });
  const folder = mkdtempSync(join(tmpdir(), 'headrace-'));
  try {
    const file = { oracle: 'netty', seed, family: 'haproxy-decoder', cases };
    writeFileSync(join(folder, `seed-${seed}.json`), JSON.stringify(file));
    return runConformance(folder, []);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [seed = NaN, count] = process.argv.slice(2).map(Number);
  if (!Number.isSafeInteger(seed)) {
    console.error('usage: node … scripts/conformance/fresh.ts SEED [COUNT]');
    process.exitCode = 1;
  } else {
    console.log(`seed ${seed}; again: npm run conformance:fresh -- ${seed}`);
    process.exitCode = runFresh(seed, count);
  }
}
