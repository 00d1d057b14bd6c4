// The smallest server that accepts with the promises of a pipeline: seven handlers with their contexts, an output that is
// accounted for, and a deadline each for idleness, the sign-in and the heartbeat.
import net from 'node:net';
import * as contract from './contract.mjs';

const SECONDS = 600;

/** All deadlines, in turns of one second: one timer for all connections. */
const wheel = Array.from({ length: SECONDS + 1 }, () => new Set());
let turn = 0;
setInterval(() => {
  turn = (turn + 1) % wheel.length;
  for (const deadline of wheel[turn]) deadline.expire();
}, 1000).unref();

class Deadline {
  constructor(expire) {
    this.expire = expire;
    this.slot = wheel[(turn + SECONDS) % wheel.length];
    this.slot.add(this);
  }

  cancel() {
    this.slot.delete(this);
  }
}

class Timed extends contract.PassThrough {
  deadline = undefined;

  added(pipeline) {
    this.deadline = new Deadline(() => pipeline.fail());
  }

  removed() {
    this.deadline.cancel();
  }
}
class Auth extends Timed {}
class Heartbeat extends Timed {}
class TimedIdle extends Timed {}

const [port, host = '127.0.0.1'] = process.argv.slice(2);
net
  .createServer({ noDelay: true }, (socket) => {
    const handlers = [
      new TimedIdle(),
      new contract.FrameDecoder(),
      new contract.Prepender(),
      new contract.PassThrough(),
      new Auth(),
      new Heartbeat(),
      new contract.Echo(),
    ];
    const pipeline = new contract.Pipeline(socket, handlers);
    for (const handler of handlers) handler.added?.(pipeline);
    socket.on('error', () => {});
    socket.on('data', (chunk) => pipeline.received(chunk));
    socket.on('close', () => {
      for (const handler of handlers) handler.removed?.();
    });
  })
  .listen({ port: Number(port), host, backlog: 4096 }, () => console.log('ready'));
