// The chat in a terminal: `npm run chat -- NAME`. Reads from a pipe, too: `echo hello | npm run chat -- NAME`.
import { parseArgs } from 'node:util';
import { idFaultText } from './client/id-fault-text.ts';
import { runClient } from './client/run-client.ts';

const USAGE = 'usage: npm run chat -- NAME [--host 127.0.0.1] [--port 18888] [--token TOKEN]';

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: process.env['NETTY_TCP_PORT'] ?? '18888' },
      token: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    console.log(USAGE);
    process.exit();
  }
  const [id] = positionals;
  const port = Number(values.port);
  if (id === undefined || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(USAGE);
  const fault = idFaultText(id);
  if (fault !== undefined) throw new Error(fault);
  const { stdin: input, stdout: output } = process;
  process.exitCode = await runClient({
    input,
    output,
    id,
    port,
    host: values.host,
    token: values.token,
  });
  // An open pipe would keep the process.
  input.destroy();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
