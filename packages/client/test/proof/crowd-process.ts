// A crowd of reconnecting clients, run as a process by killed-server.heavy.test.ts: tells when all are online, and what
// each of them went through after that, once all are back.
import { type ClientState, ReconnectingClient, type RetryPolicy, spread } from '@headrace/client';
import { textLines } from '@headrace/codec';
import { Bootstrap, type PortPlace, silentLogger } from '@headrace/core';

/** Connects under way at a time in the beginning, where nothing is measured. */
const AT_ONCE = 100;

const [port, count] = process.argv.slice(2).map(Number) as [number, number];
const bootstrap = new Bootstrap()
  .options({ logger: silentLogger })
  .handler((channel) => channel.pipeline.addLast(...textLines({ maxLength: 128 })));
const names: string[][] = [];
/** The phase that each has drawn: at this share of each window it tries, however busy this machine is. */
const phases: number[] = [];
const policy = spread();

const spreadOf =
  (index: number): RetryPolicy =>
  (attempt, facts) => {
    phases[index] = facts.phase;
    return policy(attempt, facts);
  };
let isWatching = false;
let back = 0;

function changed(index: number, state: ClientState): void {
  if (!isWatching) return;
  const story = names[index]!;
  if (story.at(-1) === 'online') back -= 1;
  story.push(state.name);
  if (state.name !== 'online') return;
  back += 1;
  if (back === count) process.send!({ phases, stories: names.map((own) => own.join(' ')) });
}

for (let made = 0; made < count; made += AT_ONCE) {
  const some = Array.from({ length: Math.min(AT_ONCE, count - made) }, (_, i) => {
    const client = new ReconnectingClient<PortPlace>({
      bootstrap,
      addresses: [{ host: '127.0.0.1', port }],
      retry: spreadOf(made + i),
      logger: silentLogger,
    });
    names[made + i] = [];
    client.on('state', (state) => changed(made + i, state));
    return client.start();
  });
  await Promise.all(some);
}
isWatching = true;
process.send!('online');
