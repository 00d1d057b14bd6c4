// Starts one of the programs: `npm start board`, `devices`, `jobs`, `three` or `proxy`.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { startJobs } from './calls-with-progress.ts';
import { startBoard } from './cursor-board.ts';
import { startMqttGateway } from './mqtt-gateway.ts';
import { startThree } from './three-processes.ts';
import { startTlsProxy } from './tls-proxy.ts';

const { PORT = '0', CERT = 'cert.pem', KEY = 'key.pem', TO = '8080' } = process.env;
const port = Number(PORT);
const secrets = new Map([
  ['ann', 'sesame'],
  ['bob', 'mellon'],
  ['pump-7', 'sesame'],
]);

const PROGRAMS: Readonly<Record<string, () => Promise<object>>> = {
  board: async () => ({ port: (await startBoard(port)).server.port }),
  async devices() {
    const { mqtt, web } = await startMqttGateway(secrets, { mqtt: port, web: 0 });
    return { mqtt: mqtt.port, web: web.port };
  },
  async jobs() {
    const work = async (_name: string, _part: number, signal: AbortSignal) =>
      delay(500, undefined, { signal });
    const { tcp, web } = await startJobs(work, { tcp: port, web: 0 });
    return { tcp: tcp.port, web: web.port };
  },
  three: async () => ({ workers: (await startThree(port, secrets)).list() }),
  async proxy() {
    const tls = { cert: readFileSync(CERT), key: readFileSync(KEY) };
    const to = { host: '127.0.0.1', port: Number(TO) };
    return { port: (await startTlsProxy({ port, tls, to })).port };
  },
};

const program = PROGRAMS[process.argv[2] ?? ''];
if (program === undefined) console.error(`there are ${Object.keys(PROGRAMS).join(', ')}`);
else console.log(await program());
